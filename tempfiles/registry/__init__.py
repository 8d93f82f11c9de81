"""Contexts, the paths registered in each, and their removal."""
