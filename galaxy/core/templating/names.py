"""Which names of the context mean the same all through a list of nodes, so that a variable may hold what they mean."""

from typing import Any

from django.template.base import TextNode, VariableNode
from django.template.defaulttags import CommentNode, ForNode, IfNode, LoadNode, URLNode, WithNode
from django.template.library import SimpleNode
from django.template.loader_tags import IncludeNode

SHOWING_NOTHING = {CommentNode, LoadNode}
_SETTING_NOTHING = {TextNode, VariableNode, IncludeNode, *SHOWING_NOTHING}  # what an include sets goes with it


def still_local(names: dict[str, str], nodes: list[Any]) -> dict[str, str]:
    """Those of ``names`` that mean the same all through ``nodes``."""
    changed = _set_within(nodes)
    return {} if changed is None else {name: one for name, one in names.items() if name not in changed}


def _set_within(nodes: list[Any]) -> set[str] | None:
    """The names that these nodes set in the context they stand in; None where a node may set any."""
    names: set[str] = set()
    for node in nodes:
        kind = type(node)
        if kind is URLNode:
            names.add(node.asvar)
        elif kind is SimpleNode:
            if node.takes_context and not getattr(node.func, "only_reads", False):
                return None
            names.add(node.target_var)
        elif kind in (IfNode, ForNode, WithNode):
            for below in _below(node):
                found = _set_within(below)
                if found is None:
                    return None
                names |= found
        elif kind not in _SETTING_NOTHING:
            return None
    return names


def _below(node: Any) -> list[list[Any]]:
    if isinstance(node, IfNode):
        return [nodes for _, nodes in node.conditions_nodelists]
    return [node.nodelist_loop, node.nodelist_empty] if isinstance(node, ForNode) else [node.nodelist]
