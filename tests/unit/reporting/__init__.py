"""`runner.reporting`."""
