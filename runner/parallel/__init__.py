"""Run the tests in several processes, with the output of a run in one."""
