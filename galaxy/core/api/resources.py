"""The two shapes that nearly every resource has: a list by cursor, and one row of it.

A view names its rows once (``visible``, shared by both) and says the rest in class attributes; ``lists`` and ``reads``
put the operation into the OpenAPI document, described by the docstring of the view.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter, page_of
from galaxy.core.api.views import WorkspaceView


class RowsView(WorkspaceView):
    """Rows of one kind. ``row`` is how one of them is written."""

    row: ClassVar[type[serializers.Serializer]]

    def visible(self) -> Any:
        """The rows that the caller may see, as a QuerySet. Raises NotGranted where they may see none at all."""
        raise NotImplementedError


class ListView(RowsView):
    """One page of them, as {results, next}, newest ``moment`` first, or by ``key`` alone where there is no moment.

    ``takes`` are the query parameters; ``where`` maps those that filter to their look-ups.
    """

    takes: ClassVar[type[PageFilter]] = PageFilter
    where: ClassVar[dict[str, str]] = {}
    moment: ClassVar[str | None] = None
    key: ClassVar[str] = "id"

    def rows(self, wanted: dict[str, Any]) -> Any:
        """The visible rows that fit the query, as ``takes`` understood it."""
        return self.visible().filter(**{self.where[name]: wanted[name] for name in wanted if name in self.where})

    def prepare(self, found: list) -> list:
        """What ``row`` writes, made of the rows of one page."""
        return found

    def get(self, request, workspace, **place):
        wanted = self.read(self.takes, request.GET)
        found, onward = page_of(self.rows(wanted), request, moment=self.moment, key=self.key, limit=wanted["limit"])
        return Response({"results": self.row(self.prepare(found), many=True).data, "next": onward or None})


class DetailView(RowsView):
    """One of them, by the names in its address; ``where`` maps those that are no field to their look-ups."""

    where: ClassVar[dict[str, str]] = {}

    def find(self, **place: Any) -> Any:
        """The row at this address. Raises Http404."""
        return get_object_or_404(self.visible(), **{self.where.get(name, name): place[name] for name in place})

    def get(self, request, workspace, **place):
        return Response(self.row(self.find(**place)).data)


def lists(name: str, summary: str, *, tag: str) -> Callable[[type[ListView]], type[ListView]]:
    """Documents a ListView as the operation ``<name>_list``."""

    def documented(view: type[ListView]) -> type[ListView]:
        page = type(
            f"{view.row.__name__.removesuffix('Serializer')}Page",
            (serializers.Serializer,),
            {"results": view.row(many=True), "next": serializers.URLField(allow_null=True)},
        )
        return _documented(view, f"{name}_list", summary, tag, responses=page, parameters=[view.takes])

    return documented


def reads(name: str, summary: str, *, tag: str) -> Callable[[type[DetailView]], type[DetailView]]:
    """Documents a DetailView as the operation ``<name>_retrieve``."""
    return lambda view: _documented(view, f"{name}_retrieve", summary, tag, responses=view.row, parameters=[])


def _documented(view: Any, operation_id: str, summary: str, tag: str, **shapes: Any) -> Any:
    words = {"summary": summary, "description": view.__doc__, "tags": [tag]}
    return extend_schema_view(get=extend_schema(operation_id=operation_id, **words, **shapes))(view)
