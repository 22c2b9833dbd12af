"""The state of governance at one moment: versions, rules, people, grants and standing answers, from history rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from galaxy.core.models import HistoryRow, RoleGroup, User, Workspace
from galaxy.core.permissions import label_of
from policies.models import ApproverGroup, RuleSet
from policies.rules.sentences import names_of, plain
from policies.rules.vocabulary import Rule, rules_of
from registry.models import Installation, Version

AT_MOST = 500  # rows of one kind on the page; it says so where there are more


class AsOfForm(forms.Form):
    """A moment in UTC; without one it is now."""

    at = forms.DateTimeField(
        label="Moment, UTC",
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": "Write a moment as 2026-11-24 14:00."},
    )

    def clean_at(self):
        at = self.cleaned_data["at"].replace(tzinfo=UTC)
        if at > timezone.now() + timedelta(minutes=1):
            raise forms.ValidationError("That has not come yet: choose a moment that has passed.")
        return at

    @property
    def moment(self) -> datetime:
        return self.cleaned_data["at"] if self.is_bound else timezone.now()


@dataclass(frozen=True)
class Entry:
    """One row: what it is about, what held, and since when."""

    name: str
    words: str
    since: datetime | None
    url: str = ""


@dataclass(frozen=True)
class Section:
    """``total`` may be more than there are entries."""

    title: str
    empty: str
    entries: list[Entry]
    total: int

    @property
    def is_cut(self) -> bool:
        return self.total > len(self.entries)


@dataclass(frozen=True)
class State:
    """``rule_set`` is the policy in force at ``moment``, None while there were only the defaults."""

    moment: datetime
    rule_set: RuleSet | None
    rules: list[tuple[Rule, str]]
    sections: list[Section]


def state_at(workspace: Workspace, moment: datetime) -> State:
    """Everything that held at ``moment`` (aware)."""
    rule_set = RuleSet.objects.in_workspace(workspace).filter(created_at__lte=moment).order_by("-number").first()
    rules = rules_of(rule_set.content) if rule_set else ()
    names = names_of(workspace, rules)
    kept = HistoryRow.objects.in_workspace(workspace).as_of(moment)
    return State(
        moment=moment,
        rule_set=rule_set,
        rules=[(rule, plain(rule, names)) for rule in rules],
        sections=[_section(kept, workspace, *kind) for kind in _KINDS],
    )


Reader = Callable[[list[dict[str, Any]], Workspace], Iterable[Entry]]


def _section(kept, workspace: Workspace, title: str, tables: tuple[str, ...], empty: str, read: Reader) -> Section:
    rows = list(kept.filter(kind__in=tables).order_by("kind", "row_id")[:AT_MOST])
    total = len(rows) if len(rows) < AT_MOST else kept.filter(kind__in=tables).count()
    facts = [row.row | {"_since": row.during.lower, "_kind": row.kind} for row in rows]
    entries = sorted(read(facts, workspace), key=lambda entry: entry.name.casefold())
    return Section(title, empty, entries, total)


def _people(ids: Iterable[str | None]) -> dict[str, str]:
    """Names by id as text; who is gone stays an id."""
    return {str(user.pk): str(user) for user in User.objects.filter(pk__in={id for id in ids if id})}


def _pins(rows: list[dict[str, Any]], workspace: Workspace) -> Iterable[Entry]:
    found = Installation.objects.in_workspace(workspace).filter(pk__in=[row["installation_id"] for row in rows])
    installations = {str(one.pk): one for one in found.select_related("extension", "workspace")}
    versions = {str(one.pk): one.number for one in Version.objects.filter(pk__in=[row["version_id"] for row in rows])}
    for row in rows:
        one = installations.get(row["installation_id"])
        name = one.extension.name if one else row["installation_id"]
        number = versions.get(row["version_id"], "a version that is no more")
        reason = f": {row['reason']}" if row.get("reason") else ""
        words = f"{number} ({row['digest'][:12]}){reason}"
        yield Entry(name, words, row["_since"], one.get_absolute_url() if one and not one.removed_at else "")


def _memberships(rows: list[dict[str, Any]], workspace: Workspace) -> Iterable[Entry]:
    people = _people(row["user_id"] for row in rows)
    roles = {str(one.pk): one.label for one in RoleGroup.objects.in_workspace(workspace)}
    for row in rows:
        role = row["role"].capitalize() or roles.get(row.get("custom_role_id") or "", "a role that is no more")
        yield Entry(people.get(row["user_id"], row["user_id"]), role, row["_since"])


def _grants(rows: list[dict[str, Any]], workspace: Workspace) -> Iterable[Entry]:
    """Grants on single objects; what roles hold on the workspace is the roles' own."""
    permissions = dict(
        Permission.objects.filter(pk__in={row["permission_id"] for row in rows}).values_list("pk", "codename")
    )
    people = _people(row.get("user_id") for row in rows)
    groups = dict(
        Group.objects.filter(pk__in={row["group_id"] for row in rows if row.get("group_id")}).values_list("pk", "name")
    )
    targets = {
        str(one.pk): one.extension.name
        for one in Installation.objects.in_workspace(workspace)
        .filter(pk__in=[row["object_pk"] for row in rows if row["object_pk"] != str(workspace.pk)])
        .select_related("extension")
    }
    for row in rows:
        if row["object_pk"] == str(workspace.pk) and row.get("group_id"):
            continue
        holder = people.get(row.get("user_id") or "") or groups.get(row.get("group_id"), "somebody who is no more")
        codename = permissions.get(row["permission_id"], "")
        where = targets.get(row["object_pk"], workspace.name if row["object_pk"] == str(workspace.pk) else "one object")
        yield Entry(holder, f"{label_of(codename)}, on {where}", row["_since"])


def _agents(rows: list[dict[str, Any]], workspace: Workspace) -> Iterable[Entry]:
    people = _people(row["owner_id"] for row in rows)
    for row in rows:
        owner = people.get(row["owner_id"], row["owner_id"])
        state = "ended" if row.get("ended_at") else "suspended" if row.get("suspended_at") else "active"
        scopes = ", ".join(row["scopes"]) or "no scopes"
        yield Entry(row["name"], f"{state}, of {owner}: {scopes}", row["_since"])


def _members_of_groups(rows: list[dict[str, Any]], workspace: Workspace) -> Iterable[Entry]:
    people = _people(row["user_id"] for row in rows)
    groups = {str(one.pk): one.name for one in ApproverGroup.objects.in_workspace(workspace)}
    for row in rows:
        person = people.get(row["user_id"], row["user_id"])
        yield Entry(groups.get(row["group_id"], row["group_id"]), person, row["_since"])


def _delegations(rows: list[dict[str, Any]], workspace: Workspace) -> Iterable[Entry]:
    people = _people(id for row in rows for id in (row["giver_id"], row["taker_id"]))
    for row in rows:
        giver, taker = (people.get(row[name], row[name]) for name in ("giver_id", "taker_id"))
        over = ", called off" if row.get("ended_at") else ""
        yield Entry(f"{taker} for {giver}", f"{row['starts_at'][:16]} to {row['ends_at'][:16]}{over}", row["_since"])


def _auto_approvals(rows: list[dict[str, Any]], workspace: Workspace) -> Iterable[Entry]:
    people = _people(row["owner_id"] for row in rows)
    for row in rows:
        owner = people.get(row["owner_id"], row["owner_id"])
        over = f", over ({row['ended_because']})" if row.get("ended_at") else ""
        words = f"{row['used']} of {row['budget']} used, until {row['ends_at'][:16]}, of {owner}{over}"
        yield Entry(row["scope"], words, row["_since"])


_KINDS: tuple[tuple[str, tuple[str, ...], str, Reader], ...] = (
    ("Versions in use", ("registry_pin",), "Nothing was installed.", _pins),
    ("People", ("core_membership",), "Nobody belonged to it.", _memberships),
    (
        "Grants on single objects",
        ("guardian_userobjectpermission", "guardian_groupobjectpermission"),
        "None: roles held everything.",
        _grants,
    ),
    ("Agents", ("core_agent",), "There were none.", _agents),
    ("Groups of approvers", ("policies_approvergroupmember",), "There were none.", _members_of_groups),
    ("Delegations", ("policies_delegation",), "There were none.", _delegations),
    ("Auto-Approve grants", ("policies_autoapproval",), "There were none.", _auto_approvals),
)
