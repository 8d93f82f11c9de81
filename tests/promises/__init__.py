"""The promises of docs/safety.md."""
