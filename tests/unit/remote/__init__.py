"""`runner.remote`."""
