"""Benchmarks: published instances and whole plants, beside their goals."""
