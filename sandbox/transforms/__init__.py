"""Transforms: deterministic shaping of one record, without files, network, clock or chance."""

from .classes import data_classes
from .errors import TransformError
from .pipeline import OPERATIONS, apply

__all__ = ["OPERATIONS", "TransformError", "apply", "data_classes"]
