"""Model packs, the runtimes that run them, and the child process in which they run."""
