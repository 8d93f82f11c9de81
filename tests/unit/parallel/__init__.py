"""`runner.parallel`."""
