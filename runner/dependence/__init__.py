"""Find tests whose outcome depends on the tests before them."""
