"""Optional followers of a run: coverage, progress, slowest tests, debugger."""
