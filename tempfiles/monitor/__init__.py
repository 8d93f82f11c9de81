"""Measure the disk usage of temp directories over time."""
