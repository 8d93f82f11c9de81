"""`runner.session`."""
