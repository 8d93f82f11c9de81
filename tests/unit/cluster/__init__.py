"""`runner.cluster`."""
