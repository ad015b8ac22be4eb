"""The composition root: what a server process is made of."""
