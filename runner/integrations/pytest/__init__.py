"""The pytest plugin, with pytest-xdist."""
