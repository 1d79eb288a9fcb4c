"""The packs, and under `training` everything that makes them. Never imported by the box."""
