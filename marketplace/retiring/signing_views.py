"""The publisher's own signature of what it published: what is signed, and where the signature is handed in."""

import base64

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from galaxy.core.errors import DomainError, Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.vault.signing import SIGNATURE_BYTES
from marketplace.retiring.views import version_here
from registry.models import Version
from registry.publishers.keys import active_keys, add_signature, may_sign_for, statement_for
from registry.signing.standing import standing_of

MOST_BYTES = 1024


class SignatureForm(forms.Form):
    """64 bytes in base64, pasted or in a file; a file may hold them as they are."""

    signature = forms.CharField(
        required=False,
        max_length=MOST_BYTES,
        help_text="What the second command prints: 64 bytes in base64.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "textarea mono", "spellcheck": "false"}),
    )
    file = forms.FileField(required=False, label="Or as a file")

    def clean(self):
        found = super().clean() or {}
        if upload := found.get("file"):
            raw = upload.read(MOST_BYTES + 1)
            is_raw = len(raw) == SIGNATURE_BYTES
            found["signature"] = base64.b64encode(raw).decode() if is_raw else raw.decode("ascii", "replace")
        if not found.get("signature") and not self.errors:
            self.add_error("signature", "Paste the signature, or choose its file.")
        return found


@require_http_methods(["GET", "HEAD", "POST"])
def signature(request, workspace, slug, number):
    version = version_here(request, slug, number)
    form = SignatureForm(request.POST, request.FILES) if request.method == "POST" else SignatureForm()
    status = 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        try:
            row = add_signature(version, signature=form.cleaned_data["signature"], actor=request.user)
        except Invalid as error:
            add_refusals(form, error)
        except DomainError as error:
            form.add_error(None, f"{error} {error.next_step}")
            status = error.status
        else:
            messages.success(request, f"{version} is signed with key {row.key}. The signature holds.")
            return redirect("retiring:signature", request.workspace.slug, slug, number)
    owner = version.extension.owner
    context = {
        "version": version,
        "extension": version.extension,
        "form": form,
        "text": statement_for(version),
        "file_name": _file_name(version),
        "signed": standing_of([version])[version.pk],
        "signatures": version.signatures.select_related("key__publisher").order_by("key__owner", "signed_at"),
        "may_sign": may_sign_for(request.user, version.extension),
        "keys": list(active_keys(owner)) if owner else [],
    }
    return render(request, "retiring/signature.html", context, status=status)


@require_safe
def statement(request, workspace, slug, number):
    """Exactly the bytes that are signed."""
    version = version_here(request, slug, number)
    answer = HttpResponse(statement_for(version).encode(), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{_file_name(version)}"'
    return answer


def _file_name(version: Version) -> str:
    return f"{version.extension.slug}-{version.number}.statement.json"
