"""Reviews by those who ran it: one per workspace and version, none without live runs, hidden by the desk alone."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from marketplace.reviews.models import Review
from marketplace.reviews.reading import summary_of
from marketplace.reviews.services import (
    NoLiveRuns,
    OnlyAtTheDesk,
    hide_review,
    show_review,
    take_back_review,
    write_review,
)
from marketplace.services import list_extension
from tests.extensions import PROBE, installed, publish
from tests.playhouse import staged
from tests.sandbox.run_rows import make_run


@pytest.fixture
@staged
def probe(workspace, admin):
    installation = installed(workspace, admin, PROBE)[0]
    list_extension(installation.pin.version, level="community", summary="A made-up system.")
    return installation


@pytest.fixture
def version(probe):
    return probe.pin.version


@pytest.fixture
def ran(workspace, probe, admin):
    """It was run live once."""
    return make_run(workspace, probe, admin, mode="live", scenario="")


@pytest.fixture
def tidewater(cast):
    return cast["tidewater"]


def address(name, workspace, *more):
    return reverse(f"reviews:{name}", args=[workspace.slug, "probe", *more])


def test_without_live_runs_there_is_no_form_and_no_review(client_of, workspace, probe, version, admin):
    make_run(workspace, probe, admin)  # simulated
    make_run(workspace, probe, admin, mode="live", scenario="", state="queued")  # not over
    make_run(workspace, probe, admin, mode="live", scenario="", is_check=True)
    with pytest.raises(NoLiveRuns):
        write_review(workspace, version, rating=5, actor=admin)
    page = client_of(admin).get(address("review-list", workspace))
    assert b"Simulated runs do not count" in page.content
    assert b"Review 1.0.0" not in page.content
    assert client_of(admin).get(address("review-write", workspace, "1.0.0")).status_code == 403
    assert client_of(admin).post(address("review-write", workspace, "1.0.0"), {"rating": 5}).status_code == 403


def test_the_database_refuses_a_review_without_live_runs_whatever_wrote_it(workspace, probe, version, admin):
    values = {"workspace": workspace, "extension": version.extension, "version": version, "written_by": admin}
    with pytest.raises(IntegrityError, match="Only a workspace with live runs"), transaction.atomic():
        Review.objects.create(**values, rating=5, live_runs=1)
    make_run(workspace, probe, admin, mode="live", scenario="")
    Review.objects.create(**values, rating=5, live_runs=1)
    with pytest.raises(IntegrityError, match="review_once_per_version"), transaction.atomic():
        Review.objects.create(**values, rating=1, live_runs=1)


@pytest.mark.parametrize("change", ["rating = 0", "rating = 6", "live_runs = 0", "hidden_at = now()"])
def test_the_database_refuses_what_no_review_is(workspace, ran, version, admin, change):
    review = write_review(workspace, version, rating=3, actor=admin)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE marketplace_review SET {change} WHERE id = %s", [review.pk])


def test_an_admin_writes_it_in_the_form_and_changes_it_there(client_of, workspace, ran, admin):
    url = address("review-write", workspace, "1.0.0")
    assert b"after 1 live run." in client_of(admin).get(url).content
    answer = client_of(admin).post(url, {"rating": "4", "text": "Good.\r\n<script>alert(1)</script>"}, follow=True)
    assert b"&lt;script&gt;alert(1)&lt;/script&gt;" in answer.content
    assert b"<script>alert" not in answer.content
    client_of(admin).post(url, {"rating": "2", "text": "Less so."})
    review = Review.objects.get()
    assert (review.rating, review.text, review.live_runs) == (2, "Less so.", 1)
    actions = AuditEvent.objects.filter(action__startswith="review.").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["review.written", "review.changed"]


@pytest.mark.parametrize(("rating", "text"), [(0, ""), (6, ""), (3, "x" * 2_001), (3, "\x00")])
def test_what_is_no_review_is_refused_beside_its_field(workspace, ran, version, admin, rating, text):
    with pytest.raises(Invalid):
        write_review(workspace, version, rating=rating, text=text, actor=admin)


def test_a_form_that_is_wrong_keeps_what_was_typed(client_of, workspace, ran, admin):
    answer = client_of(admin).post(address("review-write", workspace, "1.0.0"), {"text": "Nothing chosen"})
    assert answer.status_code == 422
    assert b"Nothing chosen" in answer.content


def test_another_workspace_reads_it_without_being_told_whose_it_is(
    client_of, workspace, ran, version, admin, stranger, tidewater
):
    write_review(workspace, version, rating=4, text="Held up well.", actor=admin)
    page = client_of(stranger).get(address("review-list", tidewater))
    assert b"Held up well." in page.content
    assert workspace.name.encode() not in page.content
    assert admin.name.encode() not in page.content
    review = Review.objects.get()
    with workspace_scope([tidewater.pk], stranger.pk):
        assert Review.objects.filter(pk=review.pk).update(rating=1) == 0
        assert Review.objects.filter(pk=review.pk).delete()[0] == 0


def test_a_member_who_installs_nothing_speaks_for_nobody(workspace, ran, version, admin, member):
    with pytest.raises(NotGranted):
        write_review(workspace, version, rating=1, actor=member)
    review = write_review(workspace, version, rating=4, actor=admin)
    with pytest.raises(NotGranted):
        take_back_review(review, actor=member)


def test_what_is_taken_back_is_gone_and_the_trail_says_so(client_of, workspace, ran, version, admin):
    review = write_review(workspace, version, rating=4, actor=admin)
    client_of(admin).post(address("review-removal", workspace, review.pk))
    assert not Review.objects.exists()
    assert AuditEvent.objects.filter(action="review.taken_back").count() == 1


def test_the_desk_hides_one_with_a_reason_and_shows_it_again(
    client_of, desk, workspace, ran, version, admin, stranger, tidewater
):
    review = write_review(workspace, version, rating=1, text="Call me: 555 0100", actor=admin)
    at_the_desk = client_of(desk.reviewer)
    hiding = address("review-hiding", desk.workspace, review.pk)
    assert at_the_desk.post(hiding, {"reason": " "}).status_code == 422
    at_the_desk.post(hiding, {"reason": "It names a telephone number."})
    elsewhere = address("review-list", tidewater)
    assert b"Call me" not in client_of(stranger).get(elsewhere).content
    assert b"It names a telephone number." in client_of(admin).get(address("review-list", workspace)).content
    assert AuditEvent.objects.filter(action="review.hidden").count() == 1
    with workspace_scope([desk.workspace.pk]):
        assert AuditEvent.objects.filter(action="review.hidden").count() == 1
    assert b"Show it again" in at_the_desk.get(address("review-list", desk.workspace)).content
    at_the_desk.post(address("review-showing", desk.workspace, review.pk))
    assert b"Call me" in client_of(stranger).get(elsewhere).content


def test_nobody_hides_a_review_outside_of_the_desk(client_of, desk, workspace, ran, version, admin):
    review = write_review(workspace, version, rating=1, actor=admin)
    assert client_of(admin).post(address("review-hiding", workspace, review.pk), {"reason": "x"}).status_code == 404
    with pytest.raises(OnlyAtTheDesk):
        hide_review(review, desk=workspace, reason="Mine.", actor=admin)
    with pytest.raises(NotGranted):
        show_review(review, desk=desk.workspace, actor=admin)


def test_an_average_needs_three_ratings(workspace, ran, version, admin):
    write_review(workspace, version, rating=4, actor=admin)
    summary = summary_of(version.extension)
    assert (summary.count, summary.average) == (1, None)
    assert [number for _, number, _ in summary.spread] == [0, 1, 0, 0, 0]


def test_the_list_asks_as_much_for_many_as_for_one(
    client_of, workspace, probe, version, ran, admin, django_assert_max_num_queries
):
    client = client_of(admin)
    write_review(workspace, version, rating=4, actor=admin)
    client.get(address("review-list", workspace))
    with django_assert_max_num_queries(16) as for_one:
        client.get(address("review-list", workspace))
    for number in ("1.0.1", "1.0.2"):
        other = publish(PROBE.replace("version: 1.0.0", f"version: {number}"))
        make_run(workspace, probe, admin, mode="live", scenario="", version=other, version_digest=other.digest)
        write_review(workspace, other, rating=5, actor=admin)
    with django_assert_max_num_queries(len(for_one)):
        page = client.get(address("review-list", workspace))
    assert b"4.7" in page.content
