"""Before a version moves: what replays of recorded calls show, what it means here, and whether there is a way back."""
