"""The verbs of this floor: decisions of the engine, and approvals by people."""
