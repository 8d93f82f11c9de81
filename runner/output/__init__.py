"""Print the results: format records as lines of text, colour and escape them."""
