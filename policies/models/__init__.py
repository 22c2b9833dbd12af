"""Rows of floor 2: rules, decisions, approvals and what answers them."""

from policies.models.approvals import Approval, ApprovalQuerySet, ApprovalStage, Vote
from policies.models.changes import Change
from policies.models.decisions import Decision, Effect
from policies.models.grants import AutoApproval
from policies.models.reviewers import ApproverGroup, ApproverGroupMember, Delegation
from policies.models.rules import RULE_PARTS, Rule, RuleSet

__all__ = [
    "RULE_PARTS",
    "Approval",
    "ApprovalQuerySet",
    "ApprovalStage",
    "ApproverGroup",
    "ApproverGroupMember",
    "AutoApproval",
    "Change",
    "Decision",
    "Delegation",
    "Effect",
    "Rule",
    "RuleSet",
    "Vote",
]
