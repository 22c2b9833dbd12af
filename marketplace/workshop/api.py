"""Drafts, for machines: what a creator has in files of their own, checked, tested and submitted from a shell."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import EmptyBody, PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.permissions import require
from marketplace.checks import Checked
from marketplace.checks.coverage import FAILED, FILLED, MISSING, PASSED, RUNNING, Coverage, coverage_of
from marketplace.evidence.models import TestRun
from marketplace.evidence.testing import ask_tests, newest_of
from marketplace.submissions.api import (
    FindingSerializer,
    OrderBody,
    SubmissionDetailSerializer,
    Submissions,
    order_said,
)
from marketplace.submissions.services import submit
from marketplace.workshop.drafts import (
    MAY_WRITE,
    MOST_FILES,
    begin_with_files,
    checked_of,
    files_of,
    remove_draft,
    save_whole,
)
from marketplace.workshop.models import Draft
from registry.manifests import Manifest, version_digest
from registry.manifests.keys import REQUIRED_SCENARIOS
from registry.manifests.sources import MAX_BYTES
from registry.services.publishing import MAX_FILE_BYTES

FIXTURE_STATES = [MISSING, FILLED, PASSED, FAILED, RUNNING]


class DraftSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    extension = serializers.CharField(source="slug", help_text="As its text says it; empty where it cannot be read.")
    state = serializers.ChoiceField(
        choices=Draft.State.choices, help_text="`broken`: no version. `lacking`: not complete. `ready`: a version."
    )
    revision = serializers.IntegerField(help_text="Counts what was saved; a change names the one it began from.")
    created_by = PersonSerializer()
    updated_by = PersonSerializer()
    updated_at = serializers.DateTimeField()


class CoverageSerializer(serializers.Serializer):
    """Which of the four paths an action has a fixture for, and whether its tests passed."""

    action = serializers.CharField()
    happy = serializers.ChoiceField(choices=FIXTURE_STATES)
    unauthorised = serializers.ChoiceField(choices=FIXTURE_STATES, help_text="The fixture 401.")
    limited = serializers.ChoiceField(choices=FIXTURE_STATES, help_text="The fixture 429.")
    failing = serializers.ChoiceField(choices=FIXTURE_STATES, help_text="The fixture 5xx.")


_NAMES = dict(zip(REQUIRED_SCENARIOS, ("happy", "unauthorised", "limited", "failing"), strict=True))


class DraftFileSerializer(serializers.Serializer):
    path = serializers.CharField()
    size_bytes = serializers.IntegerField()


class DraftDetailSerializer(DraftSerializer):
    manifest = serializers.CharField(source="text", help_text="As its author wrote it.")
    files = DraftFileSerializer(many=True)
    findings = FindingSerializer(many=True, help_text="As its editor, and later its reviewer, shows them.")
    is_publishable = serializers.BooleanField(help_text="No finding keeps it from being a version.")
    is_submittable = serializers.BooleanField(help_text="No finding keeps it from being submitted.")
    coverage = CoverageSerializer(many=True)


class TestResultSerializer(serializers.Serializer):
    id = serializers.CharField(help_text="Stable: `create_task.429.waits`.")
    action = serializers.CharField()
    scenario = serializers.CharField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=["passed", "failed", "untested"])
    expected = serializers.CharField(help_text="Empty where it passed.")
    got = serializers.CharField()


class DraftTestsSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    digest = serializers.CharField(help_text="Of the bytes that are tested.")
    state = serializers.ChoiceField(choices=TestRun.State.choices)
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    has_passed = serializers.BooleanField()
    note = serializers.SerializerMethodField(help_text="Why nothing was tested, where nothing was.")
    results = serializers.SerializerMethodField()
    asked_by = PersonSerializer()
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_note(self, run: TestRun) -> str:
        return run.report.get("note", "")

    @extend_schema_field(TestResultSerializer(many=True))
    def get_results(self, run: TestRun) -> list[dict]:
        return TestResultSerializer(run.report.get("results", ()), many=True).data


class DraftFilter(PageFilter):
    extension = serializers.CharField(required=False, max_length=100)


class DraftBody(StrictSerializer):
    """A manifest as its author wrote it, and all files beside it as texts."""

    manifest = serializers.CharField(
        max_length=MAX_BYTES, trim_whitespace=False, allow_blank=True, help_text="YAML, JSON or Python."
    )
    files = serializers.DictField(
        child=serializers.CharField(max_length=MAX_FILE_BYTES, trim_whitespace=False, allow_blank=True),
        required=False,
        default=dict,
        help_text=f"Their texts by path, {MOST_FILES} at most.",
    )


class DraftChangeBody(DraftBody):
    revision = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, help_text="The one that was read; another’s change since then is not undone."
    )


class Drafts(RowsView):
    """The drafts of this workspace."""

    row = DraftSerializer

    def visible(self):
        require(self.caller.person, MAY_WRITE, self.workspace)
        rows = Draft.objects.in_workspace(self.workspace).kept()
        return rows.select_related("workspace", "created_by", "updated_by", "extension")

    def answer(self, pk: Any, status: int = 200) -> Response:
        draft = self.visible().get(pk=pk)
        return Response(DraftDetailSerializer(as_told(draft)).data, status=status)


def as_told(draft: Draft) -> dict[str, Any]:
    """A draft with its findings and how far its fixtures cover it."""
    checked, files = checked_of(draft, draft.text), files_of(draft)
    run = newest_of(draft=draft)
    results = run.report.get("results", ()) if run and not run.is_under_way else ()
    told = {name: getattr(draft, name) for name in ("id", "name", "slug", "state", "revision", "text", "updated_at")}
    return told | {
        "created_by": draft.created_by,
        "updated_by": draft.updated_by,
        "files": [{"path": path, "size_bytes": len(content)} for path, content in sorted(files.items())],
        "findings": checked.findings,
        "is_publishable": checked.is_publishable,
        "is_submittable": checked.is_submittable,
        "coverage": covered(checked, coverage_of(checked.manifest, results if _is_of(run, checked) else ())),
    }


def covered(checked: Checked, coverage: Coverage) -> list[dict[str, str]]:
    return [
        {"action": action} | {_NAMES[cell.scenario]: cell.state for cell in cells} for action, cells in coverage.rows
    ]


def _is_of(run: TestRun | None, checked: Checked) -> bool:
    """Whether the run tested these very bytes."""
    manifest: Manifest | None = checked.manifest
    if run is None or manifest is None:
        return False
    return run.digest == version_digest(manifest, checked.files)


@lists("drafts", "List drafts", tag="Drafts")
class DraftListView(Drafts, ListView):
    """Drafts of this workspace, the last changed first."""

    opens = {"GET": "drafts.read", "POST": "drafts.write"}
    takes = DraftFilter
    where = {"extension": "slug"}
    moment = "updated_at"

    @extend_schema(
        operation_id="drafts_create",
        summary="Begin a draft",
        request=DraftBody,
        responses={201: DraftDetailSerializer},
        tags=["Drafts"],
    )
    @repeatable
    def post(self, request, workspace):
        """Keep a manifest and its files, with errors or without; the answer has every finding."""
        require(self.caller.person, MAY_WRITE, self.workspace)
        said = self.read(DraftBody)
        draft = begin_with_files(self.workspace, text=said["manifest"], files=_bytes(said), actor=self.caller.person)
        return self.answer(draft.pk, 201)


@reads("drafts", "Read one draft", tag="Drafts")
class DraftView(Drafts, DetailView):
    """One draft with its text, its findings, and which paths its fixtures cover."""

    opens = {"GET": "drafts.read"}
    row = DraftDetailSerializer

    def get(self, request, workspace, **place):
        return self.answer(self.find(**place).pk)


class DraftChangeView(Drafts):
    opens = {"POST": "drafts.write"}

    @extend_schema(
        operation_id="drafts_change",
        summary="Change a draft",
        request=DraftChangeBody,
        responses=DraftDetailSerializer,
        tags=["Drafts"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Put a manifest and its files in the place of all that the draft has. Refused where somebody saved since."""
        draft = get_object_or_404(self.visible(), pk=pk)
        said = self.read(DraftChangeBody)
        save_whole(
            draft, text=said["manifest"], files=_bytes(said), revision=said["revision"], actor=self.caller.person
        )
        return self.answer(pk)


class DraftTestsView(Drafts):
    opens = {"GET": "drafts.read", "POST": "drafts.write"}

    @extend_schema(
        operation_id="drafts_tests",
        summary="Read how the tests of a draft stand",
        responses=DraftTestsSerializer,
        tags=["Drafts"],
    )
    def get(self, request, workspace, pk):
        """The last run of its contract tests. Not found before the first."""
        draft = get_object_or_404(self.visible(), pk=pk)
        rows = TestRun.objects.in_workspace(self.workspace).filter(draft=draft).select_related("asked_by")
        return Response(DraftTestsSerializer(get_object_or_404(rows[:1])).data)

    @extend_schema(
        operation_id="drafts_test",
        summary="Test a draft",
        request=EmptyBody,
        responses={202: DraftTestsSerializer},
        tags=["Drafts"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Have the contract tests of what is saved run by a worker; it takes seconds."""
        draft = get_object_or_404(self.visible(), pk=pk)
        self.read(EmptyBody)
        return Response(DraftTestsSerializer(ask_tests(draft, actor=self.caller.person)).data, status=202)


class DraftSubmissionView(Submissions):
    opens = {"POST": "submissions.write"}

    @extend_schema(
        operation_id="drafts_submit",
        summary="Submit a draft",
        request=OrderBody,
        responses={201: SubmissionDetailSerializer},
        tags=["Drafts"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Hand in what is saved for a catalogue. The draft stays, to be corrected and submitted again."""
        require(self.caller.person, MAY_WRITE, self.workspace)
        drafts = Draft.objects.in_workspace(self.workspace).kept().select_related("workspace")
        draft = get_object_or_404(drafts, pk=pk)
        order = order_said(self.read(OrderBody), self.caller.person, self.workspace)
        row = submit(draft, order=order, actor=self.caller.person)
        return Response(SubmissionDetailSerializer(self.visible().get(pk=row.pk)).data, status=201)


class DraftRemovalView(Drafts):
    opens = {"POST": "drafts.write"}

    @extend_schema(
        operation_id="drafts_remove",
        summary="Put a draft away",
        request=EmptyBody,
        responses=DraftSerializer,
        tags=["Drafts"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Off the list; what was published or submitted of it stays."""
        draft = get_object_or_404(self.visible(), pk=pk)
        self.read(EmptyBody)
        remove_draft(draft, actor=self.caller.person)
        return Response(DraftSerializer(draft).data)


def _bytes(said: dict[str, Any]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in said["files"].items()}
