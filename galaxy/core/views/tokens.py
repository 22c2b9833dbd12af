"""A person's own tokens in one workspace: made, shown once, and revoked."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.http import next_page
from galaxy.core.models import Token
from galaxy.core.permissions import can
from galaxy.core.recent_proof import require_recent_proof
from galaxy.core.token_forms import TokenForm
from galaxy.core.tokens import create_token, revoke_token


@require_http_methods(["GET", "HEAD", "POST"])
def token_list(request, workspace):
    """The tokens with the form for another one. A new token is shown in the answer to its POST, and never again."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    list_url = reverse("core:token-list", args=[request.workspace.slug])
    if request.method == "POST" and form.is_valid():
        require_recent_proof(request, f"Make the token {form.cleaned_data['name']}")
        token, text = create_token(request.workspace, actor=request.user, **form.cleaned_data)
        return render(request, "core/token_made.html", {"token": token, "text": text, "back_url": list_url})
    tokens = Token.objects.in_workspace(request.workspace).filter(user=request.user)
    context = {"form": form, "tokens": tokens, "list_url": list_url}
    return render(request, "core/token_list.html", context, status=422 if form.is_bound else 200)


@require_POST
def token_revocation(request, workspace, pk):
    """One's own, or an agent's for whoever manages agents; goes back where it came from."""
    tokens = Token.objects.in_workspace(request.workspace).select_related("workspace", "agent")
    token = get_object_or_404(tokens, pk=pk)
    if token.user_id != request.user.pk and not (token.agent and can(request.user, "core.manage_agent", token)):
        return get_object_or_404(tokens.none(), pk=pk)  # somebody else's: not even that it exists
    revoke_token(token, actor=request.user)
    messages.success(request, f"{token} is revoked. It opens nothing any more.")
    return redirect(next_page(request, reverse("core:token-list", args=[request.workspace.slug])))
