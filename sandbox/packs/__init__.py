"""The engine of packs: steps in order, each through the gate, resumed where they stopped after any kill."""
