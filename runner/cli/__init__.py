"""Run the program: command line, components of the run, end of the run, exit code."""
