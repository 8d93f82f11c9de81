"""`runner.selection`."""
