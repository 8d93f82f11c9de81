"""What the tests share: projects, real processes, browsers, samples. No tests."""
