"""Change test code so that it no longer leaks (`--fix`): plan, rewrite, run again."""
