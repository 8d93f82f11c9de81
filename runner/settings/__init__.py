"""Read the settings of a run: options, settings file, environment, command line."""
