"""Versions X.Y.Z.B in their order."""

from __future__ import annotations


def version_key(version: str) -> tuple[int, ...]:
    """X.Y.Z.B as numbers."""
    return tuple(map(int, version.split(".")))
