"""The settings of a run: one table of options, read from file, environment and command line."""
