"""What a yes takes beside a seat: a second factor, a reason at high risk; and the same said to several at once."""

from datetime import timedelta
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.permissions import forget_grants
from policies.models import Approval, Vote
from policies.rules.asks import Ask
from policies.services.approvals import ApprovalExpired, SecondFactorNeeded, decide_approval, decide_many


def approve(approval, reviewer, **fields):
    return decide_approval(
        approval, reviewer=reviewer, **({"decision": "approved", "digest": approval.digest} | fields)
    )


# --- Second factor -----------------------------------------------------------------------------------------------


@pytest.fixture
def careful(ask):
    return ask(ask=Ask(second_factor=True))


def test_a_yes_takes_a_second_factor_where_the_request_says_so(careful, approver):
    with pytest.raises(SecondFactorNeeded) as missing:
        approve(careful, approver)
    assert (missing.value.has_one, missing.value.status) == (False, 403)
    with pytest.raises(SecondFactorNeeded):  # what the door says was shown is believed of whoever has one
        approve(careful, approver, factor="totp")
    Authenticator.objects.create(user=approver, type=Authenticator.Type.TOTP, data={})
    with pytest.raises(SecondFactorNeeded) as stale:
        approve(careful, approver)
    assert stale.value.has_one
    assert (careful.status, Vote.objects.count()) == ("pending", 0)
    assert approve(careful, approver, factor="totp").status == "approved"
    assert Vote.objects.get().factor == "totp"


def test_a_recovery_code_is_no_second_factor(careful, approver):
    Authenticator.objects.create(user=approver, type=Authenticator.Type.RECOVERY_CODES, data={})
    with pytest.raises(SecondFactorNeeded):
        approve(careful, approver, factor="recovery_codes")


def test_a_no_is_never_made_harder(careful, approver):
    assert approve(careful, approver, decision="rejected", note="No").status == "rejected"


@pytest.mark.parametrize(("fields", "needs"), [({"effect": "delete"}, True), ({"is_bulk": True}, True), ({}, False)])
def test_deletes_and_bulk_ask_for_it_unless_told_otherwise(ask, fields, needs):
    assert ask(**fields).needs_second_factor is needs


def test_a_yes_at_high_risk_needs_a_reason_too(ask, approver):
    live = ask(effect="delete", ask=Ask())
    with pytest.raises(Invalid) as refused:
        approve(live, approver)
    assert list(refused.value.fields) == ["note"]
    assert approve(live, approver, note="The customer asked for it").status == "approved"
    assert approve(ask(effect="delete", simulated=True, ask=Ask()), approver).status == "approved"


# --- Several at once ---------------------------------------------------------------------------------------------


def test_fifty_are_decided_each_on_its_own_digest(workspace, ask, approver):
    asked = [ask(f"Call {number}", shape="a" * 64) for number in range(50)]
    items = [(one.pk, one.digest) for one in asked]
    ask(subject_id=asked[7].subject_id, shape="a" * 64)  # the seventh was changed meanwhile, and so asked for anew
    items[13] = (asked[13].pk, "f" * 64)
    results = decide_many(workspace, items, reviewer=approver, decision="approved")
    back = {result.id: result.why for result in results if not result.is_done}
    assert len(results) - len(back) == 48
    assert "took this back" in back[asked[7].pk]
    assert "not what the form showed" in back[asked[13].pk]
    assert Approval.objects.filter(status="approved").count() == 48


def test_only_requests_that_are_alike_are_decided_together(workspace, ask, approver, stranger):
    pair = [ask("One", shape="a" * 64), ask("Other", shape="b" * 64)]
    items = [(one.pk, one.digest) for one in pair]
    with pytest.raises(Invalid, match="not of one kind"):
        decide_many(workspace, items, reviewer=approver, decision="approved")
    unknown = decide_many(workspace, [(uuid4(), "a" * 64)], reviewer=approver, decision="approved")
    assert unknown[0].why == "There is no such request here."
    assert not Vote.objects.exists()


def test_many_that_take_a_second_factor_are_not_begun_without(workspace, ask, approver):
    pair = [ask("One", shape="a" * 64, ask=Ask(second_factor=True)) for _ in range(2)]
    with pytest.raises(SecondFactorNeeded):
        decide_many(workspace, [(one.pk, one.digest) for one in pair], reviewer=approver, decision="approved")
    with pytest.raises(Invalid):
        decide_many(workspace, [(one.pk, one.digest) for one in pair], reviewer=approver, decision="rejected")


def test_what_is_over_is_told_before_the_factor_is_asked_for(careful, approver):
    Approval.objects.filter(pk=careful.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    forget_grants()
    with pytest.raises(ApprovalExpired):
        approve(careful, approver)
