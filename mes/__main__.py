"""`python -m mes` is `c2m`."""

from mes.entrypoints.cli import main

main()
