"""`tempfiles.system`."""
