"""`make bench`: what the box needs in time and memory, as a table; no figure decides a test."""
