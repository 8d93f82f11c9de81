"""The baseline of known leaks: read its file, match leaks with it, update it."""
