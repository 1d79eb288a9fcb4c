"""The stages of a study; no stage imports another."""
