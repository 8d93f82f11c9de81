"""The run root, the directory of a run on disk: its lock, its marker, its journal, its removal."""
