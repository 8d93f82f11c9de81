"""`runner.fix`."""
