"""`runner.execution`."""
