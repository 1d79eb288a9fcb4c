"""Osteon: finds urgent fractures in CT and DR studies at sites with no radiologist at night."""

__version__ = "0.1.0.1"
