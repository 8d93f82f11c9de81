"""One judged run, whatever runs the tests."""
