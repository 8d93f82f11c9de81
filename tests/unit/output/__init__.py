"""`runner.output`."""
