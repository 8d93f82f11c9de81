"""Track one run of tests and decide which leaks fail it; knows no test tool."""
