"""The first page of a workspace: figures from every floor, each a link to the rows behind it."""

from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def overview(request, workspace):
    return render(request, "overview.html")
