"""Track one run of tests and decide which leaks fail it, whatever test tool runs the tests."""
