"""`runner.scheduling`."""
