"""`runner.dependence`."""
