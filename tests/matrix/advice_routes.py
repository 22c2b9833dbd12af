"""Addresses and correct bodies of the routes of the assistant: advice about "probe", for who sees the marketplace."""

from datetime import timedelta

from django.utils import timezone

from galaxy.core.models import Workspace
from marketplace.assistant.drafts import INFO, Draft, Ground, Measure, Step
from marketplace.assistant.models import Advice
from marketplace.assistant.words import Link, say
from registry.models import Installation

RULE = {"title": "Not deleted", "effect": "deny", "what": {"extensions": ["probe"], "scopes": ["things.delete"]}}


def advice(workspace: Workspace, probe: Installation) -> dict[str, Advice]:
    page = Link("registry:installation-detail", (str(probe.pk),))
    draft = Draft(
        rule="unused_scope",
        subject_kind="registry.installation",
        subject_id=probe.pk,
        installation=probe.pk,
        needs="view_listing",
        severity=INFO,
        sentence=say("{name} does not use things.delete.", name="Probe"),
        reasons=(say("It was called {calls} times.", calls=40),),
        grounds=(Ground(say("The extension."), page),),
        step=Step("rule", "Draft the rule", Link("policies:rule-create"), rule=RULE),
        measure=Measure("denied_by_rule", 0, 40),
    )
    row = Advice.objects.create(
        workspace=workspace, rule=draft.rule, subject_kind=draft.subject_kind, subject_id=draft.subject_id,
        installation=probe, needs=draft.needs, digest=draft.digest, measure=draft.measure.as_json(), **draft.content(),
    )  # fmt: skip
    return {"advice": row}


def place(route: str, things: dict) -> dict:
    kind, _, name = route.partition(":")
    own = kind in {"assistant", "api"} and name.startswith("advice-") and name not in {"advice-list", "advice-look"}
    return {"pk": things["advice"].pk} if own else {}


def body(route: str, things: dict) -> dict:
    return {
        "assistant:advice-dismissal": {"reason": "It may delete one day."},
        "assistant:advice-snooze": {"days": "7"},
        "api:advice-dismissal": {"reason": "It may delete one day."},
        "api:advice-snooze": {"until": (timezone.now() + timedelta(days=7)).isoformat()},
    }.get(route, {})
