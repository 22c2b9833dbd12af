"""Evidence: tests that people ask for, what a level rests on, how it ages, and how it is asked back."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent, Notification
from galaxy.core.scope import scope_with
from galaxy.core.ui.words import coded
from marketplace.checks import check
from marketplace.checks.coverage import coverage_of
from marketplace.desk import desk, open_desk
from marketplace.evidence import ageing
from marketplace.evidence.ageing import NoAppeal, age_levels, answer_appeal, appeal, prove_listed
from marketplace.evidence.proving import KEPT_REPORTS, NotProven, keep, prove_version, require_evidence
from marketplace.evidence.rules import AMBER_DAYS, BY_CODE, GRACE_DAYS, RULES, rules_of
from marketplace.evidence.standing import standing_of
from marketplace.evidence.testing import NothingToTest, UnderWay, ask_tests, perform_test_run
from marketplace.models import Evidence, Listing, Lowering, TestRun
from marketplace.services import list_extension
from marketplace.workshop.drafts import begin_draft, save_draft
from marketplace.workshop.starters import TEXTS
from registry.models import PublisherMember
from registry.publishers.claiming import claim_name
from registry.services import install
from tests.factories import make_user
from tests.registry.samples import connector, publish

REST = TEXTS["rest"]


@pytest.fixture
def version(db):
    return publish(connector())


@pytest.fixture
def listing(version):
    return list_extension(version, level="verified", summary="Keeps things.")


@pytest.fixture
def draft(workspace, creator):
    return begin_draft(workspace, text=REST, actor=creator)


def url(draft, name="draft-tests"):
    return reverse(f"workshop:{name}", args=["meridian", draft.pk])


def proven(version, rules, *, now):
    for rule in rules:
        keep(version.digest, rule, True, now=now)


def test_the_tests_of_a_draft_run_by_a_task_and_the_page_tells_how_far(client_of, as_htmx, draft, creator):
    assert client_of(creator).post(url(draft)).status_code == 302
    run = TestRun.objects.get()
    page = as_htmx(creator).get(url(draft)).content.decode()
    assert f"0 of {run.total} done" in page and 'hx-trigger="every 1s"' in page and "is being tested" in page
    with pytest.raises(UnderWay):
        ask_tests(draft, actor=creator)
    perform_test_run(run.pk)
    assert perform_test_run(run.pk) is None  # a task that comes twice
    run.refresh_from_db()
    assert (run.has_passed, run.done, run.report["passed"]) == (True, run.total, run.total)
    assert run.total >= 8
    page = client_of(creator).get(draft.get_absolute_url()).content.decode()
    assert f"{run.total} of {run.total} passed" in page and "every 1s" not in page
    assert "OK of create_task passed" in page and "7 of 7" in page
    assert AuditEvent.objects.filter(action="draft.tested").count() == 1


def test_a_missing_path_shows_where_it_belongs_and_a_failure_says_what_came(client_of, draft, creator):
    """F108: the cell of the grid, the point that is open, and the place to put it."""
    fixture = '      "429": { status: 429, headers: { Retry-After: "5" }, body: {} }\n'
    lacking = REST.replace(fixture, "").replace("body: { id: t-1, title: Call Ada }", "body: { id: t-1 }")
    draft, checked = save_draft(draft, text=lacking, revision=1, actor=creator)
    assert not checked.is_submittable
    coverage = coverage_of(checked.manifest)
    assert (coverage.filled, coverage.total, [cell.label for cell in coverage.missing]) == (3, 4, ["429"])
    perform_test_run(ask_tests(draft, actor=creator).pk)
    page = client_of(creator).get(draft.get_absolute_url()).content.decode()
    assert "429 of create_task is missing, add it" in page and "1 missing" in page
    assert "Expected: outputs as declared" in page and "Got: title: This field is missing." in page
    save_draft(draft, text=lacking + "# more\n", revision=2, actor=creator)
    assert "The text was changed since." not in client_of(creator).get(draft.get_absolute_url()).content.decode()
    save_draft(draft, text=lacking.replace("0.1.0", "0.2.0"), revision=3, actor=creator)
    assert "The text was changed since." in client_of(creator).get(draft.get_absolute_url()).content.decode()


def test_a_text_with_errors_has_nothing_to_test(draft, creator):
    draft, _ = save_draft(draft, text="connector: [", revision=1, actor=creator)
    with pytest.raises(NothingToTest):
        ask_tests(draft, actor=creator)


def test_maker_and_reviewer_read_the_same_list(as_htmx, draft, creator):
    """F11: what stands in the form, saved or typed, is what the function says of the same bytes, in its order."""
    text = REST.replace("licence: Apache-2.0\n", "").replace("method: POST", "method: POST\n    idempotent: true")
    found = check(text).findings
    assert [one.code for one in found] == ["no-licence", "no-undo", "promise-without-key"]
    page = as_htmx(creator).post(url(draft, "draft-check"), {"text": text, "revision": 1}).content.decode()
    places = [page.index(f'<code class="findings__code">{one.code}</code>') for one in found]
    assert places == sorted(places)
    assert all(coded(text) in page for one in found for text in (one.message, one.why, one.fix))
    assert check(text).findings == found


def test_an_administrator_runs_the_tests_here_and_it_is_evidence_of_this_workspace(
    client_of, version, workspace, admin, member
):
    """F110: which account, simulated or live, and when."""
    installation = install(workspace, version.extension, version=version, actor=admin)
    place = reverse("marketplace:installation-tests", args=["meridian", installation.pk])
    assert client_of(member).post(place).status_code == 403
    assert client_of(admin).post(place).status_code == 302
    perform_test_run(TestRun.objects.get().pk)
    page = client_of(member).get(place).content.decode()
    assert "None: replies are recorded" in page and "Simulated" in page and "Evidence of this workspace" in page
    kept = Evidence.objects.get()
    assert (kept.workspace, kept.version, kept.digest, kept.rule) == (
        workspace,
        version,
        version.digest,
        "contract-tests",
    )
    assert kept.passed and kept.report["total"] == len(kept.report["results"])
    assert standing_of(version.digest, "community")[2].state == "missing"  # nobody else takes their word for it
    assert AuditEvent.objects.filter(action="installation.tested").count() == 1


def test_the_rules_of_a_level_hold_all_those_below_it():
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert {rule.code for rule in rules_of("community")} < {rule.code for rule in rules_of("verified")}
    assert rules_of("enterprise") == list(RULES)


def test_a_version_is_proven_by_what_galaxy_looks_at_itself(version):
    prove_version(version)
    found = {one.rule.code: one.state for one in standing_of(version.digest, "enterprise")}
    assert found == {
        "findings": "failed",  # the sample has neither licence nor documentation
        "licence": "failed",
        "contract-tests": "proven",
        "reviewed": "missing",
        "publisher": "proven",
        "all-paths": "proven",
        "undo": "failed",
        "attested": "missing",
    }
    with pytest.raises(NotProven, match="nothing stops it, licence and documentation, reviewed by staff"):
        require_evidence(digest=version.digest, level="verified")
    now = timezone.now()
    proven(version, ["findings", "licence", "publisher"], now=now)
    require_evidence(digest=version.digest, level="verified", given={"reviewed": True}, now=now)


def test_old_reports_go_and_the_fact_stays(version):
    for day in range(KEPT_REPORTS + 2):
        keep(version.digest, "contract-tests", True, report={"total": 1}, now=timezone.now() + timedelta(days=day))
    assert Evidence.objects.count() == KEPT_REPORTS + 2
    assert Evidence.objects.exclude(report={}).count() == KEPT_REPORTS


def test_a_rule_unproven_for_thirty_days_turns_amber_and_then_lowers_the_level(
    client_of, version, listing, workspace, admin
):
    """F92 and F93: amber with a notice, a week later lower, with notice, history and trail."""
    open_desk(make_user("chief"))
    install(workspace, version.extension, version=version, actor=admin)
    begun = timezone.now()
    proven(version, BY_CODE, now=begun)
    days = {one: begun + timedelta(days=one) for one in (29, AMBER_DAYS, AMBER_DAYS + GRACE_DAYS)}
    assert {one.state for one in standing_of(version.digest, "verified", now=days[29])} == {"proven"}
    assert age_levels(now=days[29]) == 0
    assert not Notification.objects.exists()
    amber = {one.rule.code for one in standing_of(version.digest, "verified", now=days[30]) if one.state == "amber"}
    assert amber == {"contract-tests", "publisher"}
    assert [age_levels(now=days[30]) for _ in range(2)] == [0, 0]
    assert Notification.objects.of(admin).filter(kind="level_amber").count() == 1
    keep(version.digest, "contract-tests", True, now=days[30])  # tested in time; the publisher's proof is not renewed
    assert [age_levels(now=days[37]) for _ in range(2)] == [1, 0]
    listing.refresh_from_db()
    lowering = Lowering.objects.get()
    assert (listing.level, lowering.before, lowering.after, lowering.rule) == (
        "community", "verified", "community", "publisher",
    )  # fmt: skip
    assert Notification.objects.of(admin).filter(kind="level_lowered").count() == 1
    with scope_with(desk().pk):
        assert AuditEvent.objects.filter(action="level.lowered").count() == 1
    page = client_of(admin).get(reverse("marketplace:level-list", args=["meridian"])).content.decode()
    assert lowering.reason in page and "Verified to community" in page


def test_what_failed_last_night_has_its_days_of_grace(version):
    begun = timezone.now()
    keep(version.digest, "contract-tests", True, now=begun)
    keep(version.digest, "contract-tests", False, now=begun + timedelta(days=1))
    found = {one.rule.code: one for one in standing_of(version.digest, "community", now=begun + timedelta(days=2))}
    assert (found["contract-tests"].state, found["contract-tests"].evidence.ran_at) == ("proven", begun)


def test_a_level_is_asked_back_by_its_publishers_team_and_another_person_answers(client_of, workspace, creator, admin):
    chief = make_user("chief")
    publisher = claim_name(workspace, name="Meridian Works", actor=creator)
    listing = list_extension(publish(connector("works"), publisher=publisher), level="verified", summary="Works.")
    house, _ = open_desk(chief)
    lowered = Lowering.objects.create(
        listing=listing, before="verified", after="community", rule="publisher", reason="Not proven for 37 days."
    )
    Listing.objects.update(level="community")
    place = reverse("marketplace:lowering-appeal", args=["meridian", lowered.pk])
    assert [client_of(admin).get(place).status_code, client_of(creator).get(place).status_code] == [403, 200]
    assert client_of(admin).post(place, {"plea": "It is ours."}).status_code == 403
    lists = [client_of(one).get(reverse("marketplace:level-list", args=["meridian"])) for one in (admin, creator)]
    assert [place in page.content.decode() for page in lists] == [False, True]
    assert client_of(creator).post(place, {"plea": " "}).status_code in (400, 422)
    assert client_of(creator).post(place, {"plea": "Our DNS was moved."}).status_code == 302
    lowered.refresh_from_db()
    with pytest.raises(NoAppeal):
        appeal(lowered, plea="Again", workspace=workspace, actor=creator)
    with scope_with(house.pk):
        with pytest.raises(Invalid):
            answer_appeal(lowered, uphold=True, note="", actor=chief)
        mine = PublisherMember.objects.create(publisher=lowered.listing.extension.owner, user=chief)
        with pytest.raises(NoAppeal, match="of the team"):
            answer_appeal(lowered, uphold=True, note="It is ours.", actor=chief)
        mine.delete()
        answer_appeal(lowered, uphold=True, note="The record is there again.", actor=chief)
        with pytest.raises(NoAppeal):
            answer_appeal(lowered, uphold=False, note="No", actor=chief)
    listing.refresh_from_db()
    lowered.refresh_from_db()
    assert (listing.level, lowered.appeal) == ("verified", "upheld")
    with pytest.raises(IntegrityError), transaction.atomic():  # the database keeps it too: never by who asked
        Lowering.objects.filter(pk=lowered.pk).update(answered_by=creator)


def test_listed_versions_are_tested_again_once_a_day_and_one_that_breaks_holds_up_none(listing, monkeypatch):
    other = list_extension(publish(connector("other")), level="community", summary="Keeps others.")
    real = ageing.prove_version

    def prove(version, *, now):
        if version == other.version:
            raise RuntimeError
        return real(version, now=now)

    monkeypatch.setattr(ageing, "prove_version", prove)
    now = timezone.now()
    assert [prove_listed(now=now), prove_listed(now=now + timedelta(hours=1))] == [1, 0]
    assert prove_listed(now=now + timedelta(hours=21)) == 1
    assert Evidence.objects.filter(rule="contract-tests", digest=listing.version.digest).count() == 2


def test_the_listing_says_what_its_badge_rests_on(client_of, listing, admin):
    prove_version(listing.version)
    page = client_of(admin).get(reverse("marketplace:listing-detail", args=["meridian", "acme"])).content.decode()
    assert "Evidence behind" in page and "Reviewed by staff" in page and "Not proven" in page
    assert f"{Evidence.objects.get(rule='contract-tests').report['total']} of" in page
    assert reverse("marketplace:level-list", args=["meridian"]) in page
