"""Write the records of a run in one format each; `reporting.reporters` has their table."""
