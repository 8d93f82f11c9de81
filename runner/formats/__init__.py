"""Write the records of a run in one format each, for people, CI and other tools."""
