"""Scores the naming of bones in CT against counts made by eye, and draws these counts."""
