"""`runner.advice`."""
