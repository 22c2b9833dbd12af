"""Tests of the matrix share one scene: people and things are those of tests.matrix.scene."""

from tests.matrix.scene import browser_of, scene, shared_cast, shared_things

__all__ = ["browser_of", "scene", "shared_cast", "shared_things"]
