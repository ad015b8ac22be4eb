"""The vocabulary shared by server, edge and simulator: stdlib + pydantic, `wire` also numpy and zstandard."""
