"""Pages of publishers: a workspace's own, and for the desk all of them; the list of keys."""

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.fields import WordsField, add_refusals
from galaxy.core.models import Membership
from galaxy.core.permissions import can, require, why_not
from galaxy.core.recent_proof import require_recent_proof
from registry.errors import NameTaken
from registry.models import NameClaim, Publisher, PublisherMember, SigningKey
from registry.publishers import claiming, keys, proving
from registry.signing.keys import believed
from registry.signing.revoking import require_may_revoke, revoke_key

PAGE_SIZE = 40


class ClaimForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="As people know you. It stays as it is: it is in what is signed.")


class DomainForm(forms.Form):
    domain = forms.CharField(max_length=253, help_text="One that is yours alone, such as example.com.")


class TeamForm(forms.Form):
    user = forms.ModelChoiceField(None, label="Member", empty_label="Choose a member")
    role = forms.ChoiceField(choices=PublisherMember.Role.choices, initial=PublisherMember.Role.AUTHOR)

    def __init__(self, people, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["user"].queryset = people


class KeyForm(forms.Form):
    public = forms.CharField(
        label="Public key",
        max_length=300,
        help_text="32 bytes in base64, or a PUBLIC KEY in PEM.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "textarea mono", "spellcheck": "false"}),
    )


class SigningForm(forms.Form):
    since = forms.DateField(
        label="First day",
        help_text="By UTC. Today means from this moment on; what is out already stays as it is.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=300, widget=forms.Textarea(attrs={"rows": 2}))


class SearchForm(forms.Form):
    q = WordsField(label="Search")


@require_http_methods(["GET", "HEAD", "POST"])
def publisher_list(request, workspace):
    """The names of this workspace, or at the desk everybody's; a POST claims one."""
    require_maker(request)
    form, taken = ClaimForm(request.POST if request.method == "POST" else None), ""
    if form.is_bound and form.is_valid():
        try:
            made = claiming.claim_name(request.workspace, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        except DomainError as error:
            form.add_error("name", f"{error} {error.next_step}")
            taken = form["name"].value() if isinstance(error, NameTaken) else ""
        else:
            messages.success(request, f"{made} is claimed. Prove it, so that people know that it is you.")
            return redirect("registry:publisher-detail", request.workspace.slug, made.pk)
    words = SearchForm(request.GET)
    words.is_valid()
    rows = Publisher.objects.all() if vouches(request) else Publisher.objects.filter(workspace=request.workspace)
    if q := words.cleaned_data["q"]:
        rows = rows.filter(name__icontains=q)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "q": q, "is_desk": vouches(request), "taken": taken}
    context["asked_for"] = NameClaim.objects.filter(state=NameClaim.State.OPEN).count() if vouches(request) else 0
    context["claim_denied"] = why_not(request.user, claiming.MAY_CLAIM, request.workspace)
    return render(request, "registry/publisher_list.html", context, status=422 if form.is_bound else 200)


@require_safe
def publisher_detail(request, workspace, pk):
    return _page(request, _publisher(request, pk))


@require_POST
def publisher_domain(request, workspace, pk):
    row, form = _publisher(request, pk), DomainForm(request.POST)
    return _done(request, row, "domain_form", form, proving.set_domain, "Now publish the record, then check it.")


@require_POST
def publisher_proof(request, workspace, pk):
    """Look for the record now."""
    row = _publisher(request, pk)
    if proving.check_proof(row, actor=request.user):
        messages.success(request, f"The record is there: {row} is proven by {row.domain}.")
    else:
        messages.warning(request, "The record is not there yet. It can take an hour until a new one is seen.")
    return redirect("registry:publisher-detail", request.workspace.slug, row.pk)


@require_POST
def publisher_team(request, workspace, pk):
    row = _publisher(request, pk)
    form = TeamForm(_people(request), request.POST)
    return _done(request, row, "team_form", form, claiming.add_to_team, "They may publish under this name now.")


@require_POST
def publisher_team_removal(request, workspace, pk, member):
    row = _publisher(request, pk)
    claiming.remove_from_team(get_object_or_404(row.team, pk=member), actor=request.user)
    messages.success(request, "They may not publish under this name any more.")
    return redirect("registry:publisher-detail", request.workspace.slug, row.pk)


@require_POST
def publisher_keys(request, workspace, pk):
    row, form = _publisher(request, pk), KeyForm(request.POST)
    if form.is_valid():
        _prove(request, row, f"Add a key of {row}")
    return _done(request, row, "key_form", form, keys.add_key, "The key is known. Sign what you publish with it.")


@require_POST
def publisher_signing(request, workspace, pk):
    """From which day on what is published has to bear the publisher's own signature; ``end`` demands it no more."""
    row, form = _publisher(request, pk), SigningForm(request.POST)
    if "end" in request.POST:
        _prove(request, row, f"Demand no signature of {row} any more")
        keys.demand_signatures(row, since=None, actor=request.user)
        messages.success(request, "Nothing has to bear a signature of its own any more.")
        return redirect("registry:publisher-detail", request.workspace.slug, row.pk)
    if form.is_valid():
        _prove(request, row, f"Demand a signature of {row}")
    begun = row.signs_from if row.signs_from and row.signs_from <= timezone.now() else None
    sentence = "It holds for what is published from then on."
    if begun:
        sentence = f"It is demanded since {begun:%-d %B %Y, %H:%M} UTC already, and that stays."
    return _done(request, row, "signing_form", form, keys.demand_signatures, sentence)


@require_POST
def key_retirement(request, workspace, key):
    """It signs no more, and what it signed stays good."""
    require_maker(request)
    rows = SigningKey.objects.filter(publisher__workspace=request.workspace).select_related("publisher")
    row = get_object_or_404(rows, pk=key)
    _prove(request, row.publisher, f"Retire key {row}")
    row = keys.retire_key(row, actor=request.user)
    messages.success(request, f"Key {row} is retired. What it signed stays good.")
    return redirect(f"{row.publisher.url_in(request.workspace)}#keys")


@require_POST
def publisher_vouch(request, workspace, pk):
    row, form = _publisher(request, pk), ReasonForm(request.POST)
    act = proving.withdraw_vouch if row.proof == Publisher.Proof.STAFF else proving.vouch
    return _done(request, row, "vouch_form", form, act, "It is noted, with your reason, in the trail.")


@require_safe
def key_list(request, workspace):
    """Every public key, as it is needed to verify without Galaxy."""
    require(request.user, "core.view_listing", request.workspace)
    rows = SigningKey.objects.select_related("publisher").order_by("owner", "number", "introduced_at")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "believed": believed(), "is_desk": vouches(request)}
    return render(request, "registry/key_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def key_revocation(request, workspace, key):
    """Who may take a key back sees what that means, says why, and does it."""
    row = get_object_or_404(SigningKey.objects.select_related("publisher"), pk=key)
    require_maker(request)
    theirs = row.publisher and row.publisher.workspace_id == request.workspace.pk
    if not (theirs or vouches(request)):
        raise Http404
    require_may_revoke(request.user, row)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        require_recent_proof(request, f"Revoke key {row}")
        stopped = revoke_key(row, actor=request.user, **form.cleaned_data)
        messages.success(request, f"Key {row} is revoked. {len(stopped)} versions are stopped.")
        return redirect("registry:key-list", request.workspace.slug)
    context = {"key": row, "form": form, "signed": row.signatures.count()}
    return render(request, "registry/key_revocation.html", context, status=422 if form.is_bound else 200)


def require_maker(request) -> None:
    """Whoever publishes from here, or decides about names at the desk."""
    if not vouches(request):
        require(request.user, claiming.MAY_CLAIM, request.workspace)


def _publisher(request, pk) -> Publisher:
    require_maker(request)
    rows = Publisher.objects.all() if vouches(request) else Publisher.objects.filter(workspace=request.workspace)
    return get_object_or_404(rows, pk=pk)


def _prove(request, row: Publisher, act: str) -> None:
    """Ask a manager who is there before what is signed for is changed: a session left open would do otherwise."""
    claiming.require_manager(request.user, row)
    require_recent_proof(request, act)


def vouches(request) -> bool:
    """Whether this is the desk, and its reader decides about names there."""
    return request.workspace.is_marketplace and can(request.user, claiming.MAY_VOUCH, request.workspace)


def _people(request):
    members = Membership.objects.in_workspace(request.workspace).values("user")
    return Membership._meta.get_field("user").related_model.objects.filter(pk__in=members).order_by("name")


def _done(request, row, name, form, act, sentence):
    """Do what a form asks, or show it again with what is wrong."""
    if form.is_valid():
        try:
            act(row, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        except Conflict as error:
            form.add_error(None, f"{error} {error.next_step}")
        else:
            messages.success(request, sentence)
            return redirect("registry:publisher-detail", request.workspace.slug, row.pk)
    return _page(request, row, status=422, **{name: form})


def _page(request, row, status=200, **bound):
    people = _people(request)
    context = {
        "publisher": row,
        "team": row.team.select_related("user"),
        "keys": row.keys.all(),
        "extensions": row.extensions.all()[:PAGE_SIZE],
        "has_begun": row.signs_from is not None and row.signs_from <= timezone.now(),
        "may_manage": claiming.may_manage(request.user, row),
        "is_desk": vouches(request),
        "domain_form": DomainForm(initial={"domain": row.domain}),
        "team_form": TeamForm(people),
        "key_form": KeyForm(),
        "signing_form": SigningForm(initial={"since": timezone.now().date()}),
        "vouch_form": ReasonForm(),
    } | bound
    return render(request, "registry/publisher_detail.html", context, status=status)
