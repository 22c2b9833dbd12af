"""Pages about how versions end: what one publishes, with deprecation and yanking, and quarantine."""
