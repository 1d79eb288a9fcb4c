"""Measures packs as the box runs them, and writes the reports under `models/evaluation/`."""
