"""The assistant (PAA): rules over facts that recommend, simulate and prepare, and never decide (docs/assistant.md)."""
