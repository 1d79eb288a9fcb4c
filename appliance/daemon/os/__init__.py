"""The system image of this box, installed and watched by root: composed from the site YAML."""
