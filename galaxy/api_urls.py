"""Addresses of the API, version 1. Each floor has its views; they meet here, as the pages do in galaxy.urls."""

from django.urls import include, path

from galaxy.agents.api import AgentListView, AgentSuspensionView, AgentView
from galaxy.core.api.docs import docs
from galaxy.core.api.events import EventListView, EventView
from galaxy.core.api.exports import ExportFileView, ExportListView, ExportStopView, ExportView
from galaxy.core.api.me import MeView
from galaxy.core.api.people import MemberListView, MemberView, PermissionRequestListView, RoleListView
from galaxy.core.api.schema import schema
from galaxy.core.api.secrets import SecretListView
from galaxy.core.api.tokens import TokenListView, TokenRevocationView
from galaxy.core.api.trail import CheckpointView, EventProofView, SinkListView, SinkView
from marketplace import urls  # noqa: F401  (registers the converter "extension")
from marketplace.api import ListingListView, ListingView
from marketplace.assistant.api import (
    AdviceActingView,
    AdviceDismissalView,
    AdviceListView,
    AdviceSnoozeView,
    AdviceView,
)
from marketplace.bundles.api import (
    BundleImportView,
    BundleListView,
    BundleRemovalView,
    BundleSourceListView,
    BundleView,
    ListingBundleView,
)
from marketplace.evidence.api import EvidenceView, InstallationTestsView
from marketplace.retiring.api import QuarantineListView
from marketplace.retiring.publications_api import (
    DeprecationEndView,
    DeprecationView,
    PublicationListView,
    PublicationView,
    YankingView,
)
from marketplace.retiring.signing_api import SignaturesView
from marketplace.submissions.api import SubmissionListView, SubmissionView, SubmissionWithdrawalView
from marketplace.telemetry.api import TelemetryView
from marketplace.workshop.api import (
    DraftChangeView,
    DraftListView,
    DraftRemovalView,
    DraftSubmissionView,
    DraftTestsView,
    DraftView,
)
from policies.api import ApprovalListView, ApprovalView
from policies.decision_api import DecisionListView, DecisionView
from policies.following_api import ApprovalReminderView, ApprovalRepetitionView, ApprovalWithdrawalView
from policies.rule_api import (
    RuleChangeView,
    RuleEndView,
    RuleListView,
    RuleSetListView,
    RuleSetRestorationView,
    RuleSetView,
    RuleView,
)
from policies.standing_api import (
    AutoApprovalListView,
    AutoApprovalRevocationView,
    AutoApprovalView,
    ChangeListView,
    ChangeView,
    DelegationListView,
    GroupListView,
)
from registry.api import InstallationGrantsView, InstallationListView, InstallationRemovalView, InstallationView
from registry.moves_api import DependantsView, TimelineView
from registry.publisher_api import (
    PublisherKeyListView,
    PublisherKeyRetirementView,
    PublisherKeyRevocationView,
    PublisherListView,
    PublisherSigningView,
    PublisherView,
)
from registry.rollback.api import InstallationRollbackView
from registry.rollout_api import (
    PackPinRemovalView,
    PackPinView,
    RollOutDecisionView,
    RollOutListView,
    RollOutView,
)
from registry.update_api import (
    HoldRemovalView,
    HoldView,
    InstallationUpdatesView,
    PlannedMoveRemovalView,
    PlannedMoveView,
    UpdateListView,
    UpdateRulesView,
    WaitView,
)
from sandbox.api import RunCancellationView, RunListView, RunRetryView, RunStepView, RunUndoingView, RunView
from sandbox.connections.api import ConnectionListView, ConnectionView
from sandbox.health.api import InstallationHealthView
from sandbox.issue_api import IssueListView, IssueView
from sandbox.metrics.api import MetricListView
from sandbox.outcomes.api import OutcomeListView, OutcomeWeeksView
from sandbox.triggers.api import DeliveryListView, TriggerListView, TriggerOffView, TriggerView
from sandbox.upgrades.api import InstallationPreviewView, PreviewListView, PreviewStopView, PreviewView

app_name = "api"
_PUBLICATION = "publications/<extension:slug>"
_RELEASE = f"{_PUBLICATION}/versions/<number:number>"
of_workspace = [
    path("listings/", ListingListView.as_view(), name="listing-list"),
    path("listings/<extension:slug>/", ListingView.as_view(), name="listing-detail"),
    path("listings/<extension:slug>/bundle/", ListingBundleView.as_view(), name="listing-bundle"),
    path("bundles/", BundleListView.as_view(), name="bundle-list"),
    path("bundles/<uuid:pk>/", BundleView.as_view(), name="bundle-detail"),
    path("bundles/<uuid:pk>/import/", BundleImportView.as_view(), name="bundle-import"),
    path("bundles/<uuid:pk>/removal/", BundleRemovalView.as_view(), name="bundle-removal"),
    path("bundle-sources/", BundleSourceListView.as_view(), name="bundle-source-list"),
    path("drafts/", DraftListView.as_view(), name="draft-list"),
    path("drafts/<uuid:pk>/", DraftView.as_view(), name="draft-detail"),
    path("drafts/<uuid:pk>/change/", DraftChangeView.as_view(), name="draft-change"),
    path("drafts/<uuid:pk>/tests/", DraftTestsView.as_view(), name="draft-tests"),
    path("drafts/<uuid:pk>/submission/", DraftSubmissionView.as_view(), name="draft-submission"),
    path("drafts/<uuid:pk>/removal/", DraftRemovalView.as_view(), name="draft-removal"),
    path("listings/<extension:slug>/versions/<number:number>/evidence/", EvidenceView.as_view(), name="evidence"),
    path("quarantines/", QuarantineListView.as_view(), name="quarantine-list"),
    path("publications/", PublicationListView.as_view(), name="publication-list"),
    path(f"{_PUBLICATION}/", PublicationView.as_view(), name="publication-detail"),
    path(f"{_PUBLICATION}/telemetry/", TelemetryView.as_view(), name="publication-telemetry"),
    path(f"{_RELEASE}/deprecation/", DeprecationView.as_view(), name="release-deprecation"),
    path(f"{_RELEASE}/deprecation/end/", DeprecationEndView.as_view(), name="release-deprecation-end"),
    path(f"{_RELEASE}/yanking/", YankingView.as_view(), name="release-yanking"),
    path("submissions/", SubmissionListView.as_view(), name="submission-list"),
    path("submissions/<uuid:pk>/", SubmissionView.as_view(), name="submission-detail"),
    path("submissions/<uuid:pk>/withdrawal/", SubmissionWithdrawalView.as_view(), name="submission-withdrawal"),
    path("publishers/", PublisherListView.as_view(), name="publisher-list"),
    path("publishers/<uuid:pk>/", PublisherView.as_view(), name="publisher-detail"),
    path("publishers/<uuid:pk>/keys/", PublisherKeyListView.as_view(), name="publisher-key-list"),
    path(
        "publishers/<uuid:pk>/keys/<slug:key>/retirement/",
        PublisherKeyRetirementView.as_view(),
        name="publisher-key-retirement",
    ),
    path(
        "publishers/<uuid:pk>/keys/<slug:key>/revocation/",
        PublisherKeyRevocationView.as_view(),
        name="publisher-key-revocation",
    ),
    path("publishers/<uuid:pk>/signing/", PublisherSigningView.as_view(), name="publisher-signing"),
    path(
        f"{_PUBLICATION}/versions/<number:number>/signatures/",
        SignaturesView.as_view(),
        name="version-signatures",
    ),
    path("installations/", InstallationListView.as_view(), name="installation-list"),
    path("installations/<uuid:pk>/", InstallationView.as_view(), name="installation-detail"),
    path("installations/<uuid:pk>/removal/", InstallationRemovalView.as_view(), name="installation-removal"),
    path("installations/<uuid:pk>/rollback/", InstallationRollbackView.as_view(), name="installation-rollback"),
    path("installations/<uuid:pk>/health/", InstallationHealthView.as_view(), name="installation-health"),
    path("installations/<uuid:pk>/timeline/", TimelineView.as_view(), name="installation-timeline"),
    path("installations/<uuid:pk>/dependants/", DependantsView.as_view(), name="installation-dependants"),
    path("installations/<uuid:pk>/previews/", InstallationPreviewView.as_view(), name="installation-preview"),
    path("installations/<uuid:pk>/tests/", InstallationTestsView.as_view(), name="installation-tests"),
    path("installations/<uuid:pk>/grants/", InstallationGrantsView.as_view(), name="installation-grants"),
    path("installations/<uuid:pk>/updates/", InstallationUpdatesView.as_view(), name="installation-updates"),
    path("installations/<uuid:pk>/hold/", HoldView.as_view(), name="installation-hold"),
    path("installations/<uuid:pk>/hold/removal/", HoldRemovalView.as_view(), name="installation-hold-removal"),
    path("installations/<uuid:pk>/wait/", WaitView.as_view(), name="installation-wait"),
    path("installations/<uuid:pk>/planned-move/", PlannedMoveView.as_view(), name="planned-move"),
    path(
        "installations/<uuid:pk>/planned-move/removal/", PlannedMoveRemovalView.as_view(), name="planned-move-removal"
    ),
    path("installations/<uuid:pk>/pack-pins/", PackPinView.as_view(), name="pack-pin"),
    path(
        "installations/<uuid:pk>/pack-pins/<uuid:pin>/removal/", PackPinRemovalView.as_view(), name="pack-pin-removal"
    ),
    path("updates/", UpdateListView.as_view(), name="update-list"),
    path("update-rules/", UpdateRulesView.as_view(), name="update-rules"),
    path("previews/", PreviewListView.as_view(), name="preview-list"),
    path("previews/<uuid:pk>/", PreviewView.as_view(), name="preview-detail"),
    path("previews/<uuid:pk>/stopping/", PreviewStopView.as_view(), name="preview-stopping"),
    path("roll-outs/", RollOutListView.as_view(), name="roll-out-list"),
    path("roll-outs/<uuid:pk>/", RollOutView.as_view(), name="roll-out-detail"),
    path("roll-outs/<uuid:pk>/decision/", RollOutDecisionView.as_view(), name="roll-out-decision"),
    path("connections/", ConnectionListView.as_view(), name="connection-list"),
    path("connections/<uuid:pk>/", ConnectionView.as_view(), name="connection-detail"),
    path("runs/", RunListView.as_view(), name="run-list"),
    path("runs/<uuid:pk>/", RunView.as_view(), name="run-detail"),
    path("runs/<uuid:pk>/cancellation/", RunCancellationView.as_view(), name="run-cancellation"),
    path("runs/<uuid:pk>/retry/", RunRetryView.as_view(), name="run-retry"),
    path("runs/<uuid:pk>/undoing/", RunUndoingView.as_view(), name="run-undoing"),
    path("runs/<uuid:pk>/step/", RunStepView.as_view(), name="run-step"),
    path("metrics/", MetricListView.as_view(), name="metric-list"),
    path("outcomes/", OutcomeListView.as_view(), name="outcome-list"),
    path("outcome-weeks/", OutcomeWeeksView.as_view(), name="outcome-weeks"),
    path("triggers/", TriggerListView.as_view(), name="trigger-list"),
    path("triggers/<uuid:pk>/", TriggerView.as_view(), name="trigger-detail"),
    path("triggers/<uuid:pk>/deliveries/", DeliveryListView.as_view(), name="trigger-delivery-list"),
    path("triggers/<uuid:pk>/off/", TriggerOffView.as_view(), name="trigger-off"),
    path("advice/", AdviceListView.as_view(), name="advice-list"),
    path("advice/<uuid:pk>/", AdviceView.as_view(), name="advice-detail"),
    path("advice/<uuid:pk>/acting/", AdviceActingView.as_view(), name="advice-acting"),
    path("advice/<uuid:pk>/dismissal/", AdviceDismissalView.as_view(), name="advice-dismissal"),
    path("advice/<uuid:pk>/snooze/", AdviceSnoozeView.as_view(), name="advice-snooze"),
    path("issues/", IssueListView.as_view(), name="issue-list"),
    path("issues/<uuid:pk>/", IssueView.as_view(), name="issue-detail"),
    path("approvals/", ApprovalListView.as_view(), name="approval-list"),
    path("approvals/<uuid:pk>/", ApprovalView.as_view(), name="approval-detail"),
    path("approvals/<uuid:pk>/withdrawal/", ApprovalWithdrawalView.as_view(), name="approval-withdrawal"),
    path("approvals/<uuid:pk>/reminder/", ApprovalReminderView.as_view(), name="approval-reminder"),
    path("approvals/<uuid:pk>/repetition/", ApprovalRepetitionView.as_view(), name="approval-repetition"),
    path("approver-groups/", GroupListView.as_view(), name="group-list"),
    path("delegations/", DelegationListView.as_view(), name="delegation-list"),
    path("auto-approvals/", AutoApprovalListView.as_view(), name="auto-approval-list"),
    path("auto-approvals/<uuid:pk>/", AutoApprovalView.as_view(), name="auto-approval-detail"),
    path(
        "auto-approvals/<uuid:pk>/revocation/",
        AutoApprovalRevocationView.as_view(),
        name="auto-approval-revocation",
    ),
    path("changes/", ChangeListView.as_view(), name="change-list"),
    path("changes/<uuid:pk>/", ChangeView.as_view(), name="change-detail"),
    path("rules/", RuleListView.as_view(), name="rule-list"),
    path("rules/<uuid:pk>/", RuleView.as_view(), name="rule-detail"),
    path("rules/<uuid:pk>/change/", RuleChangeView.as_view(), name="rule-change"),
    path("rules/<uuid:pk>/ending/", RuleEndView.as_view(), name="rule-end"),
    path("rule-sets/", RuleSetListView.as_view(), name="ruleset-list"),
    path("rule-sets/<int:number>/", RuleSetView.as_view(), name="ruleset-detail"),
    path("rule-sets/<int:number>/restoration/", RuleSetRestorationView.as_view(), name="ruleset-restore"),
    path("decisions/", DecisionListView.as_view(), name="decision-list"),
    path("decisions/<uuid:pk>/", DecisionView.as_view(), name="decision-detail"),
    path("members/", MemberListView.as_view(), name="member-list"),
    path("members/<uuid:pk>/", MemberView.as_view(), name="member-detail"),
    path("roles/", RoleListView.as_view(), name="role-list"),
    path("permission-requests/", PermissionRequestListView.as_view(), name="request-list"),
    path("agents/", AgentListView.as_view(), name="agent-list"),
    path("agents/<uuid:pk>/", AgentView.as_view(), name="agent-detail"),
    path("agents/<uuid:pk>/suspension/", AgentSuspensionView.as_view(), name="agent-suspension"),
    path("tokens/", TokenListView.as_view(), name="token-list"),
    path("tokens/<uuid:pk>/revocation/", TokenRevocationView.as_view(), name="token-revocation"),
    path("secrets/", SecretListView.as_view(), name="secret-list"),
    path("events/", EventListView.as_view(), name="event-list"),
    path("events/<int:pk>/", EventView.as_view(), name="event-detail"),
    path("events/<int:pk>/proof/", EventProofView.as_view(), name="event-proof"),
    path("checkpoint/", CheckpointView.as_view(), name="checkpoint"),
    path("audit-exports/", ExportListView.as_view(), name="export-list"),
    path("audit-exports/<uuid:pk>/", ExportView.as_view(), name="export-detail"),
    path("audit-exports/<uuid:pk>/stopping/", ExportStopView.as_view(), name="export-stopping"),
    path("audit-exports/<uuid:pk>/file/", ExportFileView.as_view(), name="export-file"),
    path("audit-streams/", SinkListView.as_view(), name="sink-list"),
    path("audit-streams/<uuid:pk>/", SinkView.as_view(), name="sink-detail"),
]
urlpatterns = [
    path("schema/", schema, name="schema"),
    path("docs/", docs, name="docs"),
    path("me/", MeView.as_view(), name="me"),
    path("workspaces/<slug:workspace>/", include(of_workspace)),
]
