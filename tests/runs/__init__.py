"""Whole runs of the program, by feature."""
