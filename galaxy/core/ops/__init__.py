"""What an operator asks: is it ready, what is configured, and what was asked of it."""
