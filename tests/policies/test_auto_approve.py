"""Auto-Approve grants: what they cover and what they never do, their second person, and everything that ends them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse
from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.errors import Invalid
from galaxy.core.members.people import remove_member
from galaxy.core.models import AuditDetail, AuditEvent, Membership, Notification
from galaxy.core.permissions import NotGranted
from policies import outcomes
from policies.engine import Action, Context, Principal, Resource
from policies.models import Approval, AutoApproval
from policies.rules.asks import Ask, Stage
from policies.services import auto_approve
from policies.services.approvals import decide_approval, request_approval
from policies.services.auto_approve import use_failed
from policies.services.decisions import decide
from policies.services.granting import (
    GrantOver,
    create_auto_approval,
    end_due_auto_approvals,
    revoke_auto_approval,
    version_moved,
)
from policies.services.groups import create_group
from registry.services import move_pin, uninstall
from tests.extensions import PROBE, installed, publish
from tests.playhouse import staged

DAY = timedelta(days=1)


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
def make(workspace, probe, admin):
    """``make(scope="things.write", …)``: a grant of the admin's."""

    def made(scope="things.write", **fields):
        values = {
            "installation": probe,
            "reason": "Always the same",
            "budget": 3,
            "ends_at": timezone.now() + 5 * DAY,
            "actor": admin,
        }
        return create_auto_approval(workspace, scope=scope, **(values | fields))

    return made


@pytest.fixture
def asks(workspace, probe, creator):
    """``asks(…)``: the request of a call of probe by the creator, as the gate makes it."""

    def asked(target="create", effect="write", scopes=("things.write",), by=None, destructive=False, **fields):
        by = by or creator
        agent = fields.get("agent")
        decision = decide(
            workspace,
            principal=Principal("person", str(by.pk), str(by), holds_read=True, agent=str(agent.pk) if agent else None),
            action=Action(f"probe.{target}", effect, scopes=scopes, destructive=destructive),
            resource=Resource("probe", "connector", str(probe.pk), fields.pop("version", probe.pin.digest)),
            context=Context("live"),
        )
        values = {
            "subject_kind": "run",
            "subject_id": uuid4(),
            "bound": {"inputs": uuid4().hex},
            "summary": "Create a thing",
            "facts": {},
            "requested_by": by,
            "decision": decision,
            "installation": probe,
            "effect": effect,
        }
        return request_approval(workspace, **(values | fields))

    return asked


@pytest.fixture
def agree(approver, django_capture_on_commit_callbacks):
    """``agree(grant, decision="approved")``: the approver, as second person, with their second factor."""
    Authenticator.objects.create(user=approver, type=Authenticator.Type.TOTP, data={"secret": "unused"})

    def agreed(grant, decision="approved"):
        request = Approval.objects.get(subject_kind="auto_approval", subject_id=grant.pk)
        with django_capture_on_commit_callbacks(execute=True):
            decide_approval(
                request, reviewer=approver, decision=decision, note="Seen", digest=request.digest, factor="totp"
            )
        grant.refresh_from_db()
        return grant

    return agreed


def why_it_ended(grant):
    grant.refresh_from_db()
    event = AuditEvent.objects.filter(action="auto_approval.ended", target_id=str(grant.pk)).last()
    told = Notification.objects.filter(kind="auto_approval_ended", target_id=grant.pk).exists()
    return grant.ended_because, event is not None, told


def test_it_answers_at_once_and_each_use_names_it(make, asks, admin):
    grant = make()
    approval = asks()
    grant.refresh_from_db()
    assert (approval.status, approval.grant, grant.used) == ("approved", grant, 1)
    assert not Notification.objects.filter(kind__startswith="approval_asked").exists()
    event = AuditEvent.objects.get(action="approval.approved")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert (fields["data.auto_approval"], fields["data.granted_by"]) == (str(grant.pk), str(admin.pk))
    assert fields["data.use"] == "1 of 3"


@pytest.mark.parametrize("scope", ["things.write", "things.*", "**.write", "**"])
def test_a_pattern_covers_what_it_matches(make, asks, agree, scope):
    grant = make(scope)
    if grant.is_waiting:
        agree(grant)
    assert asks().grant == grant


@pytest.mark.parametrize(
    "call",
    [
        {"scopes": ("things.read",)},
        {"scopes": ("things.write", "things.read")},
        {"scopes": ()},
        {"version": "0" * 64},
        {"is_bulk": True, "records": 3},
        {"is_bulk": True},
        {"effect": "delete"},
        {"destructive": True},
        {"subject_kind": "other"},
        {"ask": Ask(stages=(Stage("approvers", 2),))},
        {"ask": Ask(stages=(Stage("approvers"), Stage("role:owner")))},
        {"ask": Ask(stages=(Stage("role:owner"),))},
        {"ask": Ask(second_factor=True)},
    ],
    ids=lambda call: "-".join(call),
)
def test_what_lies_outside_waits_for_a_person(make, asks, call):
    grant = make()
    approval = asks(**call)
    grant.refresh_from_db()
    assert (approval.status, approval.grant, grant.used) == ("pending", None, 0)


def test_its_owner_and_their_agents_wait_for_somebody_else(workspace, make, asks, admin, owner):
    grant = make()
    agent = make_agent(workspace, owner=admin, actor=owner)
    assert asks(by=admin).status == "pending"
    assert asks(by=owner, agent=agent).status == "pending"
    assert asks(version_author=admin).status == "pending"
    grant.refresh_from_db()
    assert grant.used == 0


def test_one_for_an_agent_answers_no_other_and_no_person(workspace, make, asks, owner):
    one, other = (make_agent(workspace, owner=owner, actor=owner, name=name) for name in ("One", "Other"))
    grant = make(agent=one)
    assert asks(by=owner, agent=other).status == "pending"
    assert asks().status == "pending"
    assert asks(by=owner, agent=one).grant == grant


def make_agent(workspace, *, owner, actor, name="Sweeper"):
    ends_at = timezone.now() + 30 * DAY
    facts = {"purpose": "Tidies", "scopes": ["things.write"], "grants": (), "calls_per_day": 10, "ends_at": ends_at}
    return create_agent(workspace, name=name, owner=owner, actor=actor, **facts)


def test_a_named_group_is_answered_where_the_owner_is_in_it(workspace, make, asks, admin, approver):
    make()
    others = create_group(workspace, name="Others", members=[approver], actor=admin)
    theirs = create_group(workspace, name="Theirs", members=[admin], actor=admin)
    assert asks(ask=Ask(stages=(Stage(f"group:{others.pk}"),))).status == "pending"
    assert asks(ask=Ask(stages=(Stage(f"group:{theirs.pk}"),))).status == "approved"


def test_an_owner_who_may_not_decide_any_more_answers_nothing(workspace, make, asks, admin, member):
    make()
    membership = Membership.objects.get(user=admin)
    admin.groups.clear()
    assert membership.role == "admin"
    assert asks().status == "pending"


def test_many_records_take_a_number_and_a_second_person(make, asks, agree):
    grant = make(most_records=5)
    assert grant.state == "waiting"
    assert asks(is_bulk=True, records=5).status == "pending"
    agree(grant)
    assert asks(is_bulk=True, records=5).grant == grant
    assert asks(is_bulk=True, records=6).status == "pending"
    assert asks(is_bulk=True).status == "pending"
    assert asks().grant == grant


def test_a_delete_takes_a_second_person_who_is_somebody_else(make, asks, agree, admin, approver):
    grant = make("things.delete")
    delete = {"target": "remove", "effect": "delete", "scopes": ("things.delete",)}
    assert (grant.covers_delete, grant.state) == (True, "waiting")
    assert asks(**delete).status == "pending"
    agree(grant)
    assert (grant.confirmed_by, grant.state) == (approver, "active")
    assert AuditEvent.objects.get(action="auto_approval.confirmed").actor_id == str(approver.pk)
    approval = asks(**delete)
    assert (approval.status, approval.grant) == ("approved", grant)
    for own in ({"by": approver}, {"version_author": approver}):  # what the second person could not answer themselves
        assert asks(**delete, **own).status == "pending"


def test_a_second_person_who_says_no_ends_it(make, asks, agree):
    grant = agree(make("things.delete"), decision="rejected")
    assert why_it_ended(grant) == ("declined", True, True)


def test_a_second_yes_that_was_lost_is_taken_up_by_the_sweep(workspace, make, approver):
    from policies.services.changes import settle_decided

    grant = make("things.delete")
    Authenticator.objects.create(user=approver, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    request = Approval.objects.get(subject_id=grant.pk)
    decide_approval(
        request, reviewer=approver, decision="approved", note="Seen", digest=request.digest, factor="totp"
    )  # and nobody hears of it: the process died before its commit was told
    assert settle_decided() == 1
    grant.refresh_from_db()
    assert grant.confirmed_by == approver
    assert settle_decided() == 0


@pytest.mark.asvs("2.2.3", "2.3.2")
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scope": "things"}, "scope"),
        ({"scope": "crm.write"}, "scope"),
        ({"reason": "  "}, "reason"),
        ({"budget": 0}, "budget"),
        ({"budget": 1_000_000}, "budget"),
        ({"most_records": 1}, "most_records"),
        ({"error_percent": 100}, "error_percent"),
        ({"ends_at": timezone.now() - DAY}, "ends_on"),
        ({"ends_at": timezone.now() + 400 * DAY}, "ends_on"),
        ({"scope": "things.delete", "ends_at": timezone.now() + 8 * DAY}, "ends_on"),
    ],
)
def test_what_has_no_bounds_cannot_be_made(make, fields, field):
    with pytest.raises(Invalid) as refused:
        make(**fields)
    assert list(refused.value.fields) == [field]
    assert not AutoApproval.objects.exists()


def test_it_takes_managing_rules_and_deciding(make, approver, member):
    for actor in (approver, member):
        with pytest.raises(NotGranted):
            make(actor=actor)


def test_budget_ends_it_and_the_next_request_waits(make, asks):
    grant = make(budget=2)
    assert [asks().status for _ in range(3)] == ["approved", "approved", "pending"]
    assert why_it_ended(grant) == ("spent", True, True)


def test_two_requests_never_share_the_last_of_a_budget(make, asks, monkeypatch):
    grant = make(budget=1)
    seen_before = AutoApproval.objects.get(pk=grant.pk)  # as a request reads it that runs beside another
    assert asks().status == "approved"
    monkeypatch.setattr(auto_approve, "_candidates", lambda approval: [seen_before])
    assert asks().status == "pending"
    grant.refresh_from_db()
    assert grant.used == 1


def test_time_ends_it_and_the_next_request_waits(make, asks):
    grant = make()
    began = timezone.now() - 2 * DAY
    AutoApproval.objects.filter(pk=grant.pk).update(starts_at=began, ends_at=began + DAY)
    assert asks().status == "pending"  # whether the sweep came or not
    assert end_due_auto_approvals() == 1
    assert why_it_ended(grant) == ("time", True, True)
    assert end_due_auto_approvals() == 0


def test_another_version_ends_it_and_the_next_request_waits(
    make, asks, probe, admin, django_capture_on_commit_callbacks
):
    grant = make()
    with django_capture_on_commit_callbacks(execute=True):
        move_pin(probe, version=publish(PROBE.replace("version: 1.0.0", "version: 1.1.0")), actor=admin)
    assert why_it_ended(grant) == ("version", True, True)
    probe.pin.refresh_from_db()
    assert asks().status == "pending"


def test_one_for_the_version_that_is_held_stays(make, probe):
    grant = make()
    assert version_moved(probe) == 0
    grant.refresh_from_db()
    assert grant.ended_at is None


def test_it_goes_with_its_extension(make, probe, admin, django_capture_on_commit_callbacks):
    waiting, grant = make("things.delete"), make()
    with django_capture_on_commit_callbacks(execute=True):
        uninstall(probe, actor=admin, confirmed="Probe")
    assert [why_it_ended(one)[0] for one in (grant, waiting)] == ["revoked", "revoked"]
    assert Approval.objects.get(subject_id=waiting.pk).status == "withdrawn"


@pytest.mark.parametrize(("failed", "of", "ends"), [(4, 4, False), (1, 5, False), (2, 5, True), (5, 20, True)])
def test_too_many_errors_end_it_and_the_next_request_waits(make, asks, monkeypatch, failed, of, ends):
    grant = make(budget=50, error_percent=20)
    uses = [asks() for _ in range(of)]
    went = {use.subject_id: place < failed for place, use in enumerate(uses)}
    monkeypatch.setitem(outcomes._readers, "run", lambda workspace, ids: {pk: went[pk] for pk in ids})
    use_failed(uses[0])
    assert (why_it_ended(grant)[0] == "errors") is ends
    assert (asks().status == "pending") is ends


def test_errors_of_long_ago_are_forgiven(make, asks, monkeypatch):
    grant = make(budget=50, error_percent=20)
    uses = [asks() for _ in range(30)]
    went = {use.subject_id: place < 10 for place, use in enumerate(uses)}
    monkeypatch.setitem(outcomes._readers, "run", lambda workspace, ids: {pk: went[pk] for pk in ids})
    use_failed(uses[0])
    grant.refresh_from_db()
    assert grant.ended_at is None


def test_its_owner_leaving_ends_it_and_the_next_request_waits(
    make, asks, admin, owner, django_capture_on_commit_callbacks
):
    grant = make()
    with django_capture_on_commit_callbacks(execute=True):
        remove_member(Membership.objects.get(user=admin), actor=owner)
    assert why_it_ended(grant) == ("owner", True, True)
    assert Notification.objects.get(kind="auto_approval_ended").person == owner
    assert asks().status == "pending"


def test_it_is_revoked_at_once_and_only_once(make, asks, owner, approver):
    grant = make()
    with pytest.raises(NotGranted):
        revoke_auto_approval(grant, actor=approver)
    revoke_auto_approval(grant, actor=owner, reason="Enough")
    assert why_it_ended(grant) == ("revoked", True, True)
    assert asks().status == "pending"
    with pytest.raises(GrantOver):
        revoke_auto_approval(grant, actor=owner)


def page(name, workspace, *args):
    return reverse(f"policies:auto-approval-{name}", args=[workspace.slug, *args])


@pytest.fixture
def filled_in(probe):
    return {
        "installation": probe.pk,
        "scope": "things.write",
        "agent": "",
        "reason": "Always the same",
        "budget": 3,
        "most_records": "",
        "error_percent": 20,
        "ends_on": (timezone.now() + 3 * DAY).date(),
    }


def test_it_is_made_looked_at_and_revoked_on_its_pages(client_of, workspace, admin, member, asks, filled_in):
    client = client_of(admin)
    made = client.post(page("create", workspace), filled_in, follow=True)
    grant = AutoApproval.objects.get()
    assert made.redirect_chain[-1][0] == grant.get_absolute_url() and "It holds from now on." in made.text
    approval = asks()
    text = client.get(grant.get_absolute_url()).text
    assert "1 of 3" in text and approval.get_absolute_url() in text
    assert grant.scope in client_of(member).get(page("list", workspace)).text
    assert client.get(page("revocation", workspace, grant.pk)).status_code == 405
    client.post(page("revocation", workspace, grant.pk), {"reason": "Enough"})
    assert grant.get_absolute_url() not in client.get(page("list", workspace)).text
    assert "Revoked" in client.get(page("list", workspace), {"show": "ended"}).text


def test_making_one_takes_a_proof_of_who_is_there(client_of, workspace, admin, filled_in, monkeypatch):
    monkeypatch.setattr("galaxy.core.recent_proof.has_recent_proof", lambda request: False)
    answer = client_of(admin).post(page("create", workspace), filled_in)
    assert answer.status_code == 302 and not AutoApproval.objects.exists()


def test_one_without_an_end_cannot_be_saved(client_of, workspace, admin, filled_in):
    client = client_of(admin)
    assert client.post(page("create", workspace), filled_in | {"ends_on": ""}).status_code == 422
    late = client.post(page("create", workspace), filled_in | {"ends_on": "2090-01-01"})
    assert late.status_code == 422 and "366 days at most" in late.text
    assert not AutoApproval.objects.exists()


def test_who_may_not_sees_why_and_does_nothing(client_of, workspace, approver, stranger, make, filled_in):
    grant = make()
    client = client_of(approver)
    assert "Needs “" in client.get(grant.get_absolute_url()).text
    assert client.post(page("create", workspace), filled_in).status_code == 403
    assert client.post(page("revocation", workspace, grant.pk)).status_code == 403
    assert client_of(stranger).get(grant.get_absolute_url()).status_code == 404


def test_the_list_costs_the_same_however_many_there_are(
    client_of, workspace, admin, make, django_assert_max_num_queries
):
    make()
    client = client_of(admin)
    client.get(page("list", workspace))
    with django_assert_max_num_queries(40) as first:
        client.get(page("list", workspace))
    for _ in range(5):
        make()
    with django_assert_max_num_queries(len(first)):
        client.get(page("list", workspace))
