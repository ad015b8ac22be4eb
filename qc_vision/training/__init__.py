"""Make model packages: features, heads, calibration, export. Needs the ``train`` extra."""
