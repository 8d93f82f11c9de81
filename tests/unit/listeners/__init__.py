"""`runner.listeners`."""
