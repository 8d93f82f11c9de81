"""Where to begin, and a line to paste."""
