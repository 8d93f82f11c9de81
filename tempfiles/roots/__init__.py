"""The run root, the directory of a run: its lock, marker, journal and removal."""
