"""Taking back what a run did, by the action that its own declares as ``undo``, through the gate like every call."""
