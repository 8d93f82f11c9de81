"""One table of options; file, environment and command line into one record."""
