"""`runner.pool`."""
