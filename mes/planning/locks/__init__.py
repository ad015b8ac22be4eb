"""Starts that planners have locked on the board, kept from plan version to plan version."""
