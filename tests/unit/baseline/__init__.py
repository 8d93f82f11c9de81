"""`runner.baseline`."""
