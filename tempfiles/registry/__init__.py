"""Contexts, and the files and directories that each will remove."""
