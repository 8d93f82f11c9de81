"""Observe audit events: who created, moved and removed which path."""
