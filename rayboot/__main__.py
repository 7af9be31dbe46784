"""`python -m rayboot`: the command line."""

from rayboot.cli import main

main()
