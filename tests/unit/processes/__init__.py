"""`tempfiles.processes`."""
