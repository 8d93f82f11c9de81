"""Run the tests with unittest: its runner, its result and its patched methods open contexts."""
