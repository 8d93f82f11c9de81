"""Run the tests in several workers, with the output of a run in one process."""
