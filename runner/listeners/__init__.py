"""Optional followers of a run: coverage, records, progress, debugger."""
