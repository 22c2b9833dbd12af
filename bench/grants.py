"""Row 3a: a list that single grants decide, against a bare view that asks one query and writes JSON.

10,000 installations, of which a person whose role shows none was granted 1,000. Page, API and bare view pass the same
middleware in this process and take turns (A-B-A-B), so that a busy machine slows all of them alike; the ratio is the
median of those of the single rounds. Goal: at most three times the bare view.
"""

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

from bench._database import fresh_database
from bench._market import take_turns
from bench._rows import compared, row

OBJECTS = 10_000
GRANTS = 1_000
BATCH = 500  # rows of one statement
ROUNDS = 25
WARM = 5
MOST_RATIO = 3.0
_row = partial(row, "3a")


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database():
        from django.test.utils import override_settings

        with override_settings(ROOT_URLCONF="bench._urls"):
            return _measure()


def _measure() -> list[dict[str, Any]]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    calls = _calls()
    queries = {}
    for name, call in calls.items():
        for _ in range(WARM):
            call()
        with CaptureQueriesContext(connection) as seen:
            call()
        queries[name] = len(seen)
    times = take_turns(calls, ROUNDS)
    rows = []
    bare = [used for _, used in times["bare view, one query"]]
    for name, seen in times.items():
        seen_ms = [clock for clock, _ in seen]
        rows += [
            _row(f"{name}: median", statistics.median(seen_ms), "ms"),
            _row(f"{name}: 95 of 100 within", _p95(seen_ms), "ms"),
            _row(f"{name}: queries", queries[name], ""),
        ]
        if name.startswith("list"):
            what = f"{name}, beside the bare view"
            rows.append(compared("3a", what, [used for _, used in seen], bare, "ms", most=MOST_RATIO))
    return rows


def _calls() -> dict[str, Callable[[], object]]:
    """What is measured, by name; every call answers 200 or raises."""
    from django.test import Client
    from django.urls import reverse

    from galaxy.core.models import Membership
    from galaxy.core.scope import workspace_scope
    from galaxy.core.tokens import create_token

    workspace, by_grant, by_role = _house()
    with workspace_scope([workspace.pk]):
        text = create_token(workspace, name="Bench", permissions=["installations.read"], days=1, actor=by_grant)[1]
        person = Membership.objects.select_related("workspace").get(user=by_grant).get_absolute_url()
    page = reverse("registry:installation-list", args=[workspace.slug])
    api = reverse("api:installation-list", args=[workspace.slug]) + "?limit=40"

    def asking(address: str, user: Any = None) -> Callable[[], object]:
        client = Client() if user else Client(headers={"Authorization": f"Bearer {text}"})
        if user:
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")

        def call() -> None:
            answer = client.get(address)
            if answer.status_code != 200:
                raise RuntimeError(f"{address} answered {answer.status_code}")

        return call

    return {
        "bare view, one query": asking(reverse("bare", args=[workspace.slug]), by_grant),
        "list by grants, API": asking(api),
        "list by grants, page": asking(page, by_grant),
        "list by grants, page 20": asking(f"{page}?page=20", by_grant),
        "list by role, page": asking(page, by_role),
        "effective permissions of 1,000 grants, page": asking(person, by_grant),
    }


def _house() -> tuple[Any, Any, Any]:
    """(workspace, who sees by grants, who sees by role)"""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType
    from guardian.models import UserObjectPermission

    from galaxy.core.members import add_member
    from galaxy.core.members.roles import create_role
    from galaxy.core.scope import workspace_scope
    from registry.models import Extension, Installation, Pin
    from tests.extensions import PROBE, publish
    from tests.factories import make_user, make_workspace

    owner, by_grant, by_role = (make_user(name) for name in ("Owner", "Granted", "Auditor"))
    workspace = make_workspace("Meridian", {"owner": owner, "auditor": by_role})
    version = publish(PROBE)
    with workspace_scope([workspace.pk]):
        extensions = Extension.objects.bulk_create(
            Extension(kind="connector", slug=f"bulk-{n:05}", name=f"Bulk {n:05}", publisher="Bench")
            for n in range(OBJECTS)
        )
        rows = Installation.objects.bulk_create(
            Installation(workspace=workspace, extension=one, installed_by=owner) for one in extensions
        )
        for start in range(0, OBJECTS, BATCH):
            Pin.objects.bulk_create(
                Pin(workspace=workspace, installation=row, version=version, digest=version.digest, pinned_by=owner)
                for row in rows[start : start + BATCH]
            )
            if start == 0:
                _analyze()  # history is looked through for each pin
        role = create_role(workspace, name="Nothing", permissions={"view_run"}, actor=owner)
        add_member(workspace, user=by_grant, role=role, actor=owner)
        content_type = ContentType.objects.get_for_model(Installation)
        view = Permission.objects.get(content_type=content_type, codename="view_installation")
        UserObjectPermission.objects.bulk_create(
            UserObjectPermission(user=by_grant, permission=view, content_type=content_type, object_pk=str(row.pk))
            for row in rows[:: OBJECTS // GRANTS]
        )
    _analyze()
    return workspace, by_grant, by_role


def _analyze() -> None:
    """Tell the planner what there is, as autovacuum would have within a minute."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
