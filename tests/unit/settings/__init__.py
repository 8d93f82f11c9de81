"""`runner.settings`."""
