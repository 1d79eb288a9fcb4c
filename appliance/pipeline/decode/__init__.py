"""Hostile bytes are parsed here, in a killable child that has no network."""
