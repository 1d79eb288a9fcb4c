"""The site YAML: its schema, its strict loading, what is generated from it."""
