"""`make demo`: the whole way of five studies through a running box, with real peers."""
