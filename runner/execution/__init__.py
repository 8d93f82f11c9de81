"""Run the tests with unittest: its runner, its result, its patched methods."""
