"""`runner.workers`."""
