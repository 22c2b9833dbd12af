"""Approvals: asked for, decided by others, used once, and over when their time is. The one door to all of it.

requesting.py asks, closes and uses; voting.py decides; following.py is what people do to a request while it waits, and
sweeping.py what time does to it; standing.py and reviewers.py say who may answer.
"""

from policies.bound import changes, digest_of
from policies.errors import (
    AlreadyDecided,
    AlreadyVoted,
    ApprovalChanged,
    ApprovalExpired,
    ApprovalMissing,
    ApprovalSpent,
    Changed,
    NotAsked,
    NotYours,
    SecondFactorNeeded,
    SelfApproval,
    TooSoon,
)
from policies.services.following import ask_again, hand_over, narrow, remind, withdraw_approval
from policies.services.requesting import (
    consume,
    request_approval,
    withdraw_requests,
    withdraw_requests_of,
)
from policies.services.reviewers import asked_of, reviewers_of
from policies.services.standing import Seat, Standing, open_stage, seat_of, standing_of, why_not_yours
from policies.services.sweeping import escalate_approvals, expire_approvals, forecast, remind_of_approvals
from policies.services.voting import Result, decide_approval, decide_many

__all__ = [
    "AlreadyDecided",
    "AlreadyVoted",
    "ApprovalChanged",
    "ApprovalExpired",
    "ApprovalMissing",
    "ApprovalSpent",
    "Changed",
    "NotAsked",
    "NotYours",
    "Result",
    "Seat",
    "SecondFactorNeeded",
    "SelfApproval",
    "Standing",
    "TooSoon",
    "ask_again",
    "asked_of",
    "changes",
    "consume",
    "decide_approval",
    "decide_many",
    "digest_of",
    "escalate_approvals",
    "expire_approvals",
    "forecast",
    "hand_over",
    "narrow",
    "open_stage",
    "remind",
    "remind_of_approvals",
    "request_approval",
    "reviewers_of",
    "seat_of",
    "standing_of",
    "why_not_yours",
    "withdraw_approval",
    "withdraw_requests",
    "withdraw_requests_of",
]
