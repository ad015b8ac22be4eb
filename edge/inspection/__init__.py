"""Cameras at the line: the PLC asks, a picture is judged before the deadline, the record goes to the MES."""
