"""The technical base of the server; knows no business word."""
