"""Remove, copy, measure and identify files, independently of contexts and runs."""
