"""Run within other test tools: pytest with xdist, and others on the same session."""
