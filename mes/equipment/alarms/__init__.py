"""Alarms and conditions of the lines' machines: what stands, what stood, and who acknowledged it."""
