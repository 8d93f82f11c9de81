"""Start, watch, replace and stop the worker processes, and hand out the units."""
