"""The pattern page: every component in every state."""

from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def patterns(request):
    return render(request, "core/patterns.html")
