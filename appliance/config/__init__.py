"""The site YAML: its schema, its strict loading, what is generated from it.

One module for each step: `document` (text → plain data with places), `schema` with `receiving`,
`option` and `values` (what may stand there), `explain` (what is wrong, in a technician's words),
`cross_checks` (what two keys say together), `load` (all of it in order), `secrets` and `files`
(what the YAML names on the disk), `changes` (between two sites), `socket_units` (for systemd), and
what is made from the schema: `example`, `json_schema`, `reference`.
"""
