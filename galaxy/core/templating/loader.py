"""The loader of settings.TEMPLATES: Django's cached one, whose templates write themselves as functions."""

from collections.abc import Callable
from typing import Any

from django.template import Context, Template
from django.template.base import Node, NodeList
from django.template.loader_tags import IncludeNode
from django.template.loaders import cached
from django.utils.safestring import SafeString

from galaxy.core.templating.writing import write


class Loader(cached.Loader):
    def get_template(self, template_name: str, skip: Any = None) -> Template:
        template = super().get_template(template_name, skip)
        engine = self.engine
        if type(template.nodelist) is NodeList and not engine.debug and not engine.string_if_invalid:
            template.nodelist = quickened(template.nodelist)
        return template


class Written(NodeList):
    """A node list that renders by a function of its own, written when it is first asked."""

    _run: Callable[[Context], SafeString] | None = None

    def render(self, context: Context) -> SafeString:
        run = self._run
        if run is None:
            run = self._run = write(self)  # two threads may both write it, and write the same
        return run(context)


def quickened(nodes: NodeList) -> Written:
    """``nodes``, with all lists below them, as lists that write themselves."""
    for node in nodes:
        _quicken_below(node)
    quick = Written(nodes)
    quick.contains_nontext = nodes.contains_nontext
    return quick


def _quicken_below(node: Node) -> None:
    branches: Any = getattr(node, "conditions_nodelists", None)
    if branches is not None:  # of an if: its ``nodelist`` is made of these each time
        node.conditions_nodelists = [(condition, quickened(nodes)) for condition, nodes in branches]  # type: ignore[attr-defined]
        return
    if isinstance(node, IncludeNode):
        return
    for attribute in {*node.child_nodelists, "nodelist"}:  # a tag with a body tells of none
        nodes = getattr(node, attribute, None)
        if type(nodes) is NodeList:
            setattr(node, attribute, quickened(nodes))
