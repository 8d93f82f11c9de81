"""The integrations into other test tools, with real sessions of these tools."""
