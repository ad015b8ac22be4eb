"""What people ask of a line: rehearsed, carried out by its agent, and written down for good."""
