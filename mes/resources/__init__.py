"""What the plant is by definition: equipment hierarchy, calendars and shifts."""
