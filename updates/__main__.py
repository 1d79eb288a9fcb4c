"""`python -m updates` is the command `osteon-publish`."""

from updates.cli import main

main()
