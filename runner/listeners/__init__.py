"""Optional listeners to a run: coverage, progress, slowest tests, debugger, disk usage."""
