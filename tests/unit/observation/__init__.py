"""`tempfiles.observation`."""
