"""How what somebody publishes fares where it runs, for its publisher's people: sums alone. docs/telemetry.md."""
