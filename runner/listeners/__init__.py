"""Optional listeners to a run: coverage, progress line, slowest tests, debugger, disk usage."""
