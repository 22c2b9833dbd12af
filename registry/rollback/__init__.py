"""The way back: to which version an installation may return, what it means, and the move (docs/rollback.md)."""
