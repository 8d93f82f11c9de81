"""The tests of both packages; plain unittest."""
