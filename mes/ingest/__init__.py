"""The one door for what agents deliver: watermark first, then each stream to its feature."""
