"""Submitting and reviewing through the pages: place in line, reasons, findings, digests, and who may."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from galaxy.core.models import AuditEvent, Notification
from galaxy.core.scope import scope_with, workspace_scope
from marketplace.evidence.rules import BY_CODE
from marketplace.evidence.standing import standing_of
from marketplace.models import Listing
from marketplace.submissions import approving
from marketplace.submissions.attestations import ATTESTATIONS
from marketplace.submissions.models import Submission
from marketplace.submissions.proof import prove_submission
from marketplace.submissions.reading import findings_of
from marketplace.submissions.services import reject, request_changes, withdraw
from marketplace.submissions.standing import figures_of, places_of
from marketplace.workshop.drafts import begin_draft, save_draft
from registry.models import Extension, Publisher, Version
from registry.services import install
from tests.submitting import UNDOABLE, publisher_of, put_beside, submitted, taken, text_of


@pytest.fixture(autouse=True)
def publisher(workspace, cast):
    """Meridian has a publisher, whose team the creator is on."""
    return publisher_of(workspace, cast["creator"])


def _url(name, workspace, pk=None):
    return reverse(f"submissions:{name}", args=[workspace.slug, *([pk] if pk else [])])


def _page(client, *place):
    answer = client.get(_url(*place))
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def _form(**more):
    publisher = Publisher.objects.filter(name="Meridian").values_list("pk", flat=True).first()
    return {
        "catalogue": "public",
        "publisher": publisher or "",
        "changes": "First.",
        "support": "help@lantern.example",
    } | more


def test_two_who_wait_see_places_one_and_two_and_a_decision_moves_them(workspace, cast, desk, client_of):
    """F104, through the page of the second: its place, the usual wait and what is waited for."""
    now = timezone.now()
    with scope_with(desk.workspace.pk):
        for hours in (1, 3, 5):  # decided before: the median wait is three hours
            done = submitted(workspace, cast["creator"], text=text_of(name=f"done-{hours}"), now=now)
            taken(done, desk.workspace, desk.reviewer)
            after = now + timedelta(hours=hours)
            reject(done, desk=desk.workspace, actor=desk.reviewer, reason="No.", now=after)
    first = submitted(workspace, cast["creator"])
    second = submitted(workspace, cast["creator"], text=text_of(name="lantern-notes"))
    assert places_of([first, second]) == {first.pk: 1, second.pk: 2}
    creator = client_of(cast["creator"])
    page = _page(creator, "submission-detail", workspace, second.pk)
    assert '<dd class="value">2</dd>' in page
    assert "A decision usually takes 3 h (the median of the last 3)." in page
    assert "It waits for one of 3 reviewers to take it." in page
    assert "They did not run yet. A worker runs them for the reviewer." in page
    client_of(desk.reviewer).post(_url("review-taking", desk.workspace, first.pk))
    assert f"{desk.reviewer} reviews it." in _page(creator, "submission-detail", workspace, first.pk)
    answer = {"decision": "reject", "reason": "It has no owner."}
    client_of(desk.reviewer).post(_url("review-decision", desk.workspace, first.pk), answer)
    second.refresh_from_db()
    assert places_of([first, second]) == {second.pk: 1}
    assert '<dd class="value">1</dd>' in _page(creator, "submission-detail", workspace, second.pk)


def test_the_median_is_of_the_last_twenty_and_tells_nothing_of_other_desks(workspace, cast, other_workspace):
    now = timezone.now()
    for number in range(21):  # the first was decided long ago; of the last twenty half waited one hour, half three
        long_ago = timedelta(hours=200 if number == 0 else 0)
        text, at = text_of(name=f"inner-{number}"), now - long_ago
        row = taken(
            submitted(workspace, cast["creator"], text=text, catalogue="private", now=at), workspace, cast["approver"]
        )
        wait = timedelta(hours=100 if number == 0 else 1 if number % 2 else 3)
        reject(row, desk=workspace, actor=cast["approver"], reason="No.", now=at + wait)
    figures = figures_of(workspace.pk)
    assert (figures.decided, figures.median_s) == (20, 7200)
    with workspace_scope([other_workspace.pk]):
        assert figures_of(workspace.pk).decided == 0


def test_author_and_reviewer_read_the_same_findings(workspace, cast, desk, client_of):
    """F11: every code, line, reason and fix of the draft's page before, of the author's page and of the reviewer's."""
    text = text_of(
        **{"scopes: [lantern-tasks.tasks.write]": "scopes: [lantern-tasks.tasks.write, lantern-tasks.lists.read]"}
    )
    text = text.replace("retry: { strategy: exponential, max_attempts: 3 }\n", "")
    draft = begin_draft(workspace, text=text, actor=cast["creator"])
    creator = client_of(cast["creator"])
    before = creator.get(_url("submission-create", workspace, draft.pk)).context["checked"].findings
    assert before
    creator.post(_url("submission-create", workspace, draft.pk), _form())
    row = Submission.objects.get()
    own = creator.get(_url("submission-detail", workspace, row.pk)).context["remarks"]
    theirs = client_of(desk.reviewer).get(_url("review-detail", desk.workspace, row.pk)).context["findings"]
    assert before == own == theirs == findings_of(row)
    page = _page(client_of(desk.reviewer), "review-detail", desk.workspace, row.pk)
    assert all(one.code in page for one in before)


def test_what_is_not_ready_is_not_taken_and_says_what_is_open(workspace, cast, desk, client_of):
    draft = begin_draft(workspace, text=text_of(licence="unlicence"), actor=cast["creator"])
    answer = client_of(cast["creator"]).post(_url("submission-create", workspace, draft.pk), _form())
    assert answer.status_code == 422
    assert "It is not ready." in answer.content.decode()
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"publisher": "11111111-1111-4111-8111-111111111111"}, "Select a valid choice"),
        ({"support": "help@lantern"}, "An address such as help@example.com"),
        ({"support": "javascript://x"}, "begins with https://"),
        ({"catalogue": "elsewhere"}, "Select a valid choice"),
    ],
)
def test_a_form_that_is_wrong_says_so_beside_the_field(wrong, sentence, workspace, cast, desk, client_of):
    draft = begin_draft(workspace, text=text_of(), actor=cast["creator"])
    answer = client_of(cast["creator"]).post(_url("submission-create", workspace, draft.pk), _form(**wrong))
    assert (answer.status_code, Submission.objects.count()) == (422, 0)
    assert sentence in answer.content.decode()


def test_a_no_is_told_with_every_code_and_fix_and_the_draft_goes_in_again(workspace, cast, desk, client_of):
    draft = begin_draft(
        workspace,
        text=text_of().replace(
            "retry: { strategy: exponential, max_attempts: 3 }\n", "permissions: { required: [a.b.read] }\n"
        ),
        actor=cast["creator"],
    )
    creator, reviewer = client_of(cast["creator"]), client_of(desk.reviewer)
    creator.post(_url("submission-create", workspace, draft.pk), _form())
    row = Submission.objects.get()
    decision = _url("review-decision", desk.workspace, row.pk)
    reviewer.post(_url("review-taking", desk.workspace, row.pk))
    empty = reviewer.post(decision, {"decision": "request_changes", "reason": " "})
    assert empty.status_code == 422 and "A no needs a reason" in empty.content.decode()
    said = {"decision": "request_changes", "reason": "Drop <b>a.b</b>.", "finding": ["0"]}
    assert reviewer.post(decision, said).status_code == 302
    page = _page(creator, "submission-detail", workspace, row.pk)
    finding = findings_of(row)[0]
    assert "What has to change" in page and "Drop &lt;b&gt;a.b&lt;/b&gt;." in page
    assert finding.code in page and "Submit again" in page
    assert "They did not run before it was decided." in page and "A worker runs them" not in page
    assert page.count(finding.message) == 1 and "Other findings" in page, "a reason is not told twice"
    with scope_with(desk.workspace.pk):
        for side in (workspace, desk.workspace):
            event = AuditEvent.objects.get(action="submission.changes_requested", workspace=side)
            assert event.actor_id == str(desk.reviewer.pk)
    told = Notification.objects.get(person=cast["creator"], kind="submission_changes_requested")
    assert told.target_id == row.pk
    creator.post(_url("submission-create", workspace, draft.pk), _form(changes="Dropped it."))
    again = Submission.objects.exclude(pk=row.pk).get()
    assert (again.before_id, again.state) == (row.pk, "submitted")
    assert "was submitted after it" in _page(creator, "submission-detail", workspace, row.pk)


def test_what_was_reviewed_is_what_is_installed(workspace, cast, desk, client_of):
    """F97: the digest on the reviewer's page is that of the version, of its listing and of the installation's pin."""
    draft = begin_draft(workspace, text=text_of(), actor=cast["creator"])
    put_beside(draft, path="notes.md", content=b"# Notes for those who install it", actor=cast["creator"])
    row = submitted(workspace, cast["creator"], draft=draft)
    reviewer = client_of(desk.reviewer)
    assert row.digest in _page(reviewer, "review-detail", desk.workspace, row.pk)
    with scope_with(desk.workspace.pk):
        prove_submission(row.pk)
    reviewer.post(_url("review-taking", desk.workspace, row.pk))
    answer = reviewer.post(
        _url("review-decision", desk.workspace, row.pk), {"decision": "approve", "level": "verified"}
    )
    assert answer.status_code == 302, answer.content
    row.refresh_from_db()
    listing = Listing.objects.get(extension__slug="lantern-tasks")
    assert (row.state, row.level, listing.level, listing.version_id) == (
        "approved",
        "verified",
        "verified",
        row.version_id,
    )
    assert row.version.workspace is None and row.version.extension.publisher == "Meridian"
    installed = install(workspace, listing.extension, version=row.version, actor=cast["admin"])
    assert installed.pin.digest == row.version.digest == row.digest
    assert bytes(row.version.files.get(path="notes.md").content) == b"# Notes for those who install it"
    assert "Approved and published" in _page(client_of(cast["creator"]), "submission-detail", workspace, row.pk)
    assert "Quarantine…" in _page(reviewer, "review-detail", desk.workspace, row.pk)
    quarantine = reverse("retiring:quarantine-create", args=[desk.workspace.slug, "lantern-tasks", "1.0.0"])
    assert reviewer.get(quarantine).status_code == 200


def test_a_security_fix_is_claimed_by_its_authors_and_counts_once_its_reviewer_confirms_it(
    workspace, cast, desk, client_of
):
    """From the form to the card of the update: 1.0.1 is not confirmed, 1.0.2 is."""
    hole, reviewer, creator = "Anybody could read <b>notes</b>.", client_of(desk.reviewer), client_of(cast["creator"])
    draft = begin_draft(workspace, text=text_of(), actor=cast["creator"])
    publisher_of(workspace, cast["creator"])
    for number, confirmed in (("1.0.0", {}), ("1.0.1", {}), ("1.0.2", {"confirms_fix": "on"})):
        draft, _ = save_draft(draft, text=text_of(number), revision=draft.revision, actor=cast["creator"])
        claim = {} if number == "1.0.0" else {"security_fix": hole}
        assert creator.post(_url("submission-create", workspace, draft.pk), _form(**claim)).status_code == 302
        row = taken(Submission.objects.get(number=number), desk.workspace, desk.reviewer)
        shown = _page(reviewer, "review-detail", desk.workspace, row.pk)
        assert ("I saw that it closes this." in shown and escape(hole) in shown) == bool(claim)
        said = {"decision": "approve", "level": "community"} | confirmed
        assert reviewer.post(_url("review-decision", desk.workspace, row.pk), said).status_code == 302
        row.refresh_from_db()
        assert row.version.security_fix == (hole if confirmed else "")
        if number == "1.0.0":
            install(workspace, row.version.extension, version=row.version, actor=cast["admin"])
        else:
            word = "Confirmed" if confirmed else "Not confirmed"
            assert word in _page(creator, "submission-detail", workspace, row.pk)
            note = Notification.objects.of(cast["creator"]).get(kind="submission_approved", target_id=row.pk).note
            assert ("did not confirm" in note) != bool(confirmed)
    card = client_of(cast["admin"]).get(reverse("registry:update-list", args=[workspace.slug])).text
    assert "Closes a hole:" in card and escape(hole) in card and "1.0.2" in card


def test_enterprise_asks_the_reviewer_to_vouch(workspace, cast, desk, client_of):
    row = taken(submitted(workspace, cast["creator"], text=UNDOABLE), desk.workspace, desk.reviewer)
    decision, reviewer = _url("review-decision", desk.workspace, row.pk), client_of(desk.reviewer)
    some = {"decision": "approve", "level": "enterprise", "attested": list(ATTESTATIONS)[:2]}
    answer = reviewer.post(decision, some)
    assert answer.status_code == 422 and "3 of them you did not tick" in answer.content.decode()
    assert not Version.objects.filter(extension__slug="lantern-tasks").exists()
    assert reviewer.post(decision, some | {"attested": list(ATTESTATIONS)}).status_code == 302
    row.refresh_from_db()
    assert (row.level, row.attestations) == ("enterprise", list(ATTESTATIONS))
    assert {one.rule.code for one in standing_of(row.digest, "enterprise") if one.holds} == set(BY_CODE)


def test_a_level_rests_on_what_is_proven(workspace, cast, desk, client_of):
    """F91: without a proven publisher no Verified, without tests not even Community; the page names what is missing."""
    Publisher.objects.filter(name="Meridian").update(proof="none", proven_at=None)
    row = submitted(workspace, cast["creator"])
    reviewer = client_of(desk.reviewer)
    reviewer.post(_url("review-taking", desk.workspace, row.pk))
    decision = _url("review-decision", desk.workspace, row.pk)
    untested = reviewer.post(decision, {"decision": "approve"})
    assert (untested.status_code, "contract tests" in untested.content.decode()) == (409, True)
    with scope_with(desk.workspace.pk):
        assert prove_submission(row.pk)
    unproven = reviewer.post(decision, {"decision": "approve", "level": "verified"})
    assert (unproven.status_code, "publisher proven" in unproven.content.decode()) == (409, True)
    assert not Version.objects.filter(extension__slug="lantern-tasks").exists()
    assert reviewer.post(decision, {"decision": "approve", "level": "community"}).status_code == 302


def test_verified_asks_for_somebody_who_helps(workspace, cast, desk, client_of):
    row = taken(submitted(workspace, cast["creator"], support=""), desk.workspace, desk.reviewer)
    answer = client_of(desk.reviewer).post(
        _url("review-decision", desk.workspace, row.pk), {"decision": "approve", "level": "verified"}
    )
    assert answer.status_code == 422 and "names nobody who helps" in answer.content.decode()


def test_where_listing_fails_nothing_is_published(workspace, cast, desk, client_of, monkeypatch):
    row = taken(submitted(workspace, cast["creator"]), desk.workspace, desk.reviewer)

    def refuse(*args, **kwargs):
        from marketplace.errors import ListingTooLong

        raise ListingTooLong("The card is full.")

    monkeypatch.setattr(approving, "list_extension", refuse)
    answer = client_of(desk.reviewer).post(_url("review-decision", desk.workspace, row.pk), {"decision": "approve"})
    assert answer.status_code == 422 and "The card is full." in answer.content.decode()
    row.refresh_from_db()
    assert (row.state, row.version) == ("in_review", None)
    assert not Extension.objects.filter(slug="lantern-tasks").exists()
    assert not AuditEvent.objects.filter(action="submission.approved").exists()


def test_a_private_catalogue_is_decided_at_home_and_is_nobody_elses(workspace, cast, desk, client_of, other_workspace):
    """F102: the same form, checks and pages; a member of another workspace gets 404 for all of it."""
    draft = begin_draft(workspace, text=text_of(), actor=cast["creator"])
    client_of(cast["creator"]).post(_url("submission-create", workspace, draft.pk), _form(catalogue="private"))
    row = Submission.objects.get()
    assert (row.desk, row.publisher) == (workspace, "Meridian")
    approver = client_of(cast["approver"])
    approver.post(_url("review-taking", workspace, row.pk))
    assert approver.post(_url("review-decision", workspace, row.pk), {"decision": "approve"}).status_code == 302
    row.refresh_from_db()
    assert (row.version.workspace, row.version.number) == (workspace, "1.0.0")
    assert Listing.objects.get(extension=row.version.extension).workspace == workspace
    own = client_of(cast["admin"]).get(reverse("marketplace:listing-detail", args=[workspace.slug, "lantern-tasks"]))
    assert own.status_code == 200
    with workspace_scope([workspace.pk]):
        assert AuditEvent.objects.filter(action="submission.approved").count() == 1
    installed = install(workspace, row.version.extension, version=row.version, actor=cast["admin"])
    assert installed.pin.digest == row.digest
    for person, home, names in (
        (cast["stranger"], other_workspace, ("submission-detail", "review-detail")),
        (desk.reviewer, desk.workspace, ("review-detail",)),
    ):
        client = client_of(person)
        for name in names:
            assert client.get(_url(name, home, row.pk)).status_code == 404
        assert client.get(reverse("marketplace:listing-detail", args=[home.slug, "lantern-tasks"])).status_code == 404


def test_the_same_number_with_other_bytes_is_refused(workspace, cast, desk, client_of):
    row = taken(submitted(workspace, cast["creator"]), desk.workspace, desk.reviewer)
    with scope_with(desk.workspace.pk):
        approving.approve(row, desk=desk.workspace, actor=desk.reviewer)
    other = begin_draft(workspace, text=text_of(**{"Adds one task": "Adds a single task"}), actor=cast["creator"])
    answer = client_of(cast["creator"]).post(_url("submission-create", workspace, other.pk), _form())
    assert answer.status_code == 409
    assert "lantern-tasks 1.0.0 is published with other content already." in answer.content.decode()


def test_a_second_version_is_shown_beside_the_first(workspace, cast, desk, client_of):
    draft = begin_draft(workspace, text=text_of(), actor=cast["creator"])
    put_beside(draft, path="notes.md", content=b"one\ntwo\n", actor=cast["creator"])
    first = taken(submitted(workspace, cast["creator"], draft=draft), desk.workspace, desk.reviewer)
    with scope_with(desk.workspace.pk):
        approving.approve(first, desk=desk.workspace, actor=desk.reviewer)
    draft.refresh_from_db()
    put_beside(draft, path="notes.md", content="one\n\u202ethree\n".encode(), actor=cast["creator"])
    draft.refresh_from_db()
    wider = "scopes: [lantern-tasks.tasks.write, lantern-tasks.lists.read]"
    text = text_of("2.0.0", **{"scopes: [lantern-tasks.tasks.write]": wider})
    second = submitted(workspace, cast["creator"], draft=draft, text=text)
    page = _page(client_of(desk.reviewer), "review-detail", desk.workspace, second.pk)
    assert "What changes from 1.0.0" in page
    assert "lantern-tasks.lists.read" in page
    assert "<del>two</del>" in page and "<ins>⟨U+202E⟩three</ins>" in page
    assert "least a minor step" in page


def test_who_asked_for_changes_sees_what_was_changed_for_it(workspace, cast, desk, client_of):
    draft = begin_draft(workspace, text=text_of(), actor=cast["creator"])
    put_beside(draft, path="notes.md", content=b"one\ntwo\n", actor=cast["creator"])
    first = taken(submitted(workspace, cast["creator"], draft=draft), desk.workspace, desk.reviewer)
    with scope_with(desk.workspace.pk):
        request_changes(first, desk=desk.workspace, actor=desk.reviewer, reason="Say what a task is.")
    draft.refresh_from_db()
    same = submitted(workspace, cast["creator"], draft=draft)
    reviewer = client_of(desk.reviewer)
    page = _page(reviewer, "review-detail", desk.workspace, same.pk)
    assert "Say what a task is." in page and "Nothing differs" in page
    withdraw(same, actor=cast["creator"])
    put_beside(draft, path="notes.md", content=b"one\nthree\n", actor=cast["creator"])
    draft.refresh_from_db()
    after = submitted(workspace, cast["creator"], draft=draft, text=text_of(**{"one task": "one piece of work"}))
    page = _page(reviewer, "review-detail", desk.workspace, after.pk)
    assert "Say what a task is." in page  # though one was withdrawn meanwhile
    for line in ("<ins>    summary: Adds one piece of work to the list.</ins>", "<del>two</del>", "<ins>three</ins>"):
        assert line in page


def test_a_draft_whose_name_was_taken_meanwhile_is_not_published(workspace, other_workspace, cast, desk):
    """Two workspaces hand in one name: the reviewer is told, and only the first yes counts."""
    from registry.errors import NameTaken

    with scope_with(other_workspace.pk):
        mine = taken(submitted(workspace, cast["creator"]), desk.workspace, desk.reviewer)
        theirs = taken(submitted(other_workspace, cast["stranger"]), desk.workspace, desk.second)
    with workspace_scope([desk.workspace.pk]):
        approving.approve(mine, desk=desk.workspace, actor=desk.reviewer)
        with pytest.raises(NameTaken, match=r"lantern-tasks is the connector of Meridian already"):
            approving.approve(theirs, desk=desk.workspace, actor=desk.second)
        theirs.refresh_from_db()
        assert theirs.state == "in_review"


def test_reviewers_hear_of_it_and_authors_do_not_review(workspace, cast, desk, client_of):
    row = submitted(workspace, cast["admin"], catalogue="private")
    told = set(Notification.objects.filter(kind="submission_waiting").values_list("person", flat=True))
    assert told == {cast["owner"].pk, cast["approver"].pk}
    admin = client_of(cast["admin"])
    assert "You had a hand in it" in _page(admin, "review-detail", workspace, row.pk)
    assert admin.post(_url("review-taking", workspace, row.pk)).status_code == 403


def test_the_queue_filters_and_costs_the_same_however_long_it_is(workspace, cast, desk, client_of):
    reviewer, creator = client_of(desk.reviewer), client_of(cast["creator"])
    submitted(workspace, cast["creator"])
    counted = []
    for more in (1, 6):
        for number in range(more):
            submitted(workspace, cast["creator"], text=text_of(name=f"more-{more}-{number}"))
        for client, name, home in (
            (reviewer, "review-list", desk.workspace),
            (creator, "submission-list", workspace),
        ):
            client.get(_url(name, home))
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert client.get(_url(name, home)).status_code == 200
            counted.append(len(queries))
    assert counted[:2] == counted[2:]
    found = reviewer.get(_url("review-list", desk.workspace), {"q": "more-6-3"}).context["rows"]
    assert [row.submission.slug for row in found] == ["more-6-3"]
    for odd in ("' OR 1=1 --", "%", "\x00", "x" * 10_000, "عربى 😀"):
        assert reviewer.get(_url("review-list", desk.workspace), {"q": odd}).status_code == 200
    assert not reviewer.get(_url("review-list", desk.workspace), {"show": "mine"}).context["rows"]
