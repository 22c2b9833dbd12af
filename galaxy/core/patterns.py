"""The pattern page: every component in every state, for people who build pages and for the tests that look at them."""

from datetime import timedelta

from django import forms
from django.contrib.messages import constants as levels
from django.contrib.messages.storage.base import Message
from django.core.paginator import Paginator
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from galaxy.core.errors import Conflict
from galaxy.core.palette import Group, Hit
from galaxy.core.permissions import Denied
from galaxy.core.ui.charts import Chart, Series, milliseconds
from galaxy.core.ui.words import STATUSES

# fmt: off
SLUGS = [
    "hubspot", "gmail", "slack", "salesforce", "notion", "google-drive", "gmail.send", "redact-pii", "normalize-dates",
    "inbound-email", "lead-follow-up", "renewal-digest", "notion-tasks", "stripe", "zendesk", "hubspot.create_task",
    "drive.export", "dedupe", "map-fields", "calendar", "weekly-report", "jira", "airtable", "twilio",
]
COLOURS = [
    "desk", "canvas", "subtle", "inset", "line", "control", "muted", "text", "accent", "ok", "warn", "bad", "info",
    "sim",
]
# fmt: on
# name, depth, icon, result, start and took in ms, kind of bar
SPANS = [
    ("run lead-follow-up", 0, "play", "failed", 0, 1840, "fail"),
    ("policy.evaluate", 1, "scale", "ok", 4, 0.4, "fast"),
    ("queue wait", 1, "hourglass", "waiting", 14, 196, "wait"),
    ("leads.clean", 1, "shuffle", "ok", 218, 38, "work"),
    ("http POST /crm/v3/objects/tasks", 1, "globe", "auth_error", 262, 1570, "fail"),
    ("attempt 1", 2, "corner-down-right", "failed", 262, 340, "fail"),
]
GOOD_ENOUGH = {
    "name": "notion-tasks",
    "due": "date-time",
    "updates": "fix",
    "agree": "on",
    "grant": "less",
    "kinds": ["pack"],
}
# tone, icon, title, the object or "" where it is not to be seen, note
NEWS = [
    ("warn", "inbox", "An approval is asked of you", "Delete 38 contacts in HubSpot", ""),
    ("bad", "circle-x", "Your run failed", "hubspot.create_task, live", "The refresh token was refused."),
    ("info", "gavel", "Your request was decided", "Send 214 messages", "Rejected: Quarter is not closed yet"),
    ("ok", "user-check", "Your invitation was accepted", "", ""),
    ("", "bell", "Something without a tone", "Lead agent", ""),
]
FOUND = [
    Group("Do", [Hit("Roll back HubSpot…", "#main", icon="undo-2"), Hit("New role…", "#main", icon="shield-check")]),
    Group(
        "Found",
        [
            Hit("Payroll export", "#main", "Connector", glyph="payroll"),
            Hit("Rolf Berg", "#main", "Auditor", person="Rolf Berg"),
            Hit("Runs of the rollout", "#main", "r_7c41e0aa · Failed, live, 12 min ago", icon="activity", key="r"),
        ],
    ),
]
DAYS = ["17 Nov", "18 Nov", "19 Nov", "20 Nov", "21 Nov", "22 Nov", "23 Nov"]
CHARTS = [
    Chart(
        "Latency",
        "95 of 100 calls took up to 2.3 s on 22 November, over the budget of 2 s.",
        DAYS,
        [
            Series("95 %", [640, 700, 610, None, 1900, 2300, 900]),
            Series("median", [210, 220, 190, None, 400, 520, 260]),
        ],
        words=milliseconds,
        limit=2_000,
        limit_label="budget 2 s",
        label_name="Day",
    ),
    Chart(
        "Outcomes by week",
        "Most this week: 128.",
        ["12 Oct", "19 Oct", "26 Oct", "2 Nov", "9 Nov", "16 Nov", "23 Nov"],
        [Series("Outcomes", [84, 80, 96, 103, 99, 114, 128])],
        kind="bars",
        label_name="Week",
        marked=6,
        links=["#main"] * 7,
    ),
    Chart(
        "Failures by category",
        "Most failed on 21 November, by rate limits.",
        DAYS,
        [Series("Rate limit", [1, 0, 2, 0, 9, 4, 1]), Series("Transient", [0, 3, 1, 0, 2, 1, 0])],
        kind="stacks",
        label_name="Day",
    ),
    Chart("Nothing yet", "No call ended in this time.", DAYS, [Series("Calls", [None] * 7)]),
]
PAYLOAD = {"subject": "Call Ada <Byron>", "due_at": None, "owner": {"id": 7, "active": True}, "tags": ["new", "eu"]}


class PatternForm(forms.Form):
    """One field of each kind. Bound to data that is wrong, so that errors are seen too."""

    name = forms.CharField(label="Text", help_text="A hint says what good input is.")
    due = forms.CharField(label="With an error")
    note = forms.CharField(label="Long text", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    updates = forms.ChoiceField(
        label="One of a list", choices=[("fix", "Fixes only, never wider"), ("ask", "Ask each time")]
    )
    agree = forms.BooleanField(label="Pin this version until I unpin it", required=False)
    grant = forms.ChoiceField(
        label="One of a few",
        choices=[("less", "Without delete"), ("all", "Everything asked"), ("none", "Nothing")],
        widget=forms.RadioSelect,
    )
    kinds = forms.MultipleChoiceField(
        label="Some of a few",
        required=False,
        choices=[("connector", "Connectors"), ("pack", "Packs")],
        widget=forms.CheckboxSelectMultiple,
    )

    def clean_due(self):
        raise forms.ValidationError("Use datetime? for a time that may be missing.")

    def clean(self):
        raise forms.ValidationError("Two rules cannot have the same name.")


@require_safe
def patterns(request):
    now = timezone.now()
    return render(
        request,
        "core/patterns.html",
        {
            "colours": COLOURS,
            "slugs": SLUGS,
            "statuses": STATUSES,
            "form": PatternForm(GOOD_ENOUGH),
            "second_form": PatternForm(initial=GOOD_ENOUGH, prefix="second"),
            "denied": Denied("core.install_extension", "Install and remove extensions", "Olga Winter or Ada Reyes"),
            "error": Conflict("Someone else decided this a moment ago."),
            "examples": [
                Message(levels.SUCCESS, "Pinned Gmail to 2.3.0."),
                Message(levels.WARNING, "Installed. Two agents may use it already."),
                Message(levels.ERROR, "Could not reach the vault. Nothing was written."),
            ],
            "moments": [
                now,
                now - timedelta(minutes=12),
                now - timedelta(minutes=130),
                now + timedelta(hours=21),
                now - timedelta(days=45),
            ],
            "durations": [0.4, 310, 1840, 125_000],
            "spans": SPANS,
            "payload": PAYLOAD,
            "columns": [(120, 0), (140, 1), (90, 30), (0, 0), None, (4, 0), (160, 2), (80, 0)],
            "charts": CHARTS,
            "spark": [310, 280, None, 640, 1900, 2300, 900],
            "bars": [180, 240, None, 0, 310, 460, 290],
            "proof_sides": [True, False, True, True, False],
            "facts": [
                ("Calls", "hubspot.update_contacts"),
                ("Records", "38 contacts"),
                ("Undo", "Named and tested, for 7 days"),
            ],
            "news": NEWS,
            "found": FOUND,
            "words": ["roll"],
            "page": Paginator(range(128), 9).page(2),
            "sort": request.GET.get("sort", "name"),
        },
    )
