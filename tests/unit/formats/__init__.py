"""`runner.formats`."""
