"""`tempfiles.events`."""
