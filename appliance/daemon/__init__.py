"""Composition: what the roles are built from, and who keeps them running."""
