"""A plant in software: the PLCs and cameras of the four shops, on OPC UA and HTTP."""
