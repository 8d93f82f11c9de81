"""The run directory on disk: its lock, its marker, its journal, its disposal."""
