"""Reading and writing of the openly licensed images that the packs learn from."""
