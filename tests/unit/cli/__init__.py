"""`runner.cli`."""
