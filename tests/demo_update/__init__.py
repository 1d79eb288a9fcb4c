"""`make demo-update`: the life of a good and of a bad update on a running box."""
