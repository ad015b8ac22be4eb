"""Readers of published benchmark instances; errors name the file and the line."""
