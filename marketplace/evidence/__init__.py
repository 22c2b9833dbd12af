"""Evidence: what a level rests on, how old it may get, and what happens when it does. docs/evidence.md."""
