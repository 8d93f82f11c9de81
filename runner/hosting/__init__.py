"""Host one judged run for any test tool: its components, the steps of its end."""
