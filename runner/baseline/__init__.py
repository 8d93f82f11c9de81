"""Known leaks: the file, the matching, the update."""
