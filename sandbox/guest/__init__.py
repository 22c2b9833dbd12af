"""The Python that runs inside WebAssembly. Nothing in this package is a wall: what it refuses, it refuses so that a
creator reads a clear sentence. The walls are in ``sandbox.pool``."""
