"""First boot: who this box is, its site YAML from a stick, and the sheet that hands it over.

`identity` with `keyseal` (the device's key pair and its protection), `stick`, `volume` and
`signature` (what lies on a stick, and who vouches for it), `importing` (all of that in order),
`handover` and `handover_page` (the sheet).
"""
