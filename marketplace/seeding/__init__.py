"""Made-up listings in any number, for measuring and for tests; never for production."""
