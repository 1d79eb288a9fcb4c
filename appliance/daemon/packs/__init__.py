"""The packs of this box: which one reads, where its files lie, how it is started and kept warm."""
