from galaxy.core.management.demo_command import DemoCommand
from galaxy.core.models import User, Workspace
from marketplace.models import Listing
from marketplace.seeding.installing import see_to
from policies.models import Approval
from policies.services.changes import ask_install
from policies.services.voting import decide_approval
from sandbox.services import invoke

CONNECTORS = ("hubspot", "gmail", "notion")
WANTED = "salesforce"
PEOPLE = 12  # an invitation goes to so many; one of them goes to everybody
TOWNS = ("Hamburg", "Lyon", "Porto", "Graz", "Turin")
EVERYBODY = 90
REFUSED = ("hubspot.delete_contact", {"id": "4411"}, "Wrong target: this customer came back in May")
SINGLES = [
    ("hubspot.delete_contacts", {"ids": [str(4500 + number) for number in range(38)]}),
    ("notion.archive_page", {"page_id": "quarter-3-numbers"}),
    ("hubspot.delete_task", {"id": "task-2207"}),
]


class Command(DemoCommand):
    help = "Give the demo workspace a queue of approvals to work; safe to run twice. Not in production."

    ready = "Demo approvals ready, {made} of them new."

    def fill(self, workspace: Workspace, people: dict[str, User]) -> int:
        """Everything in simulation and by the owner, who alone may run what deletes; and an install by the creator."""
        if Approval.objects.in_workspace(workspace).exists():
            return 0
        owner = people["owner"]
        for slug in CONNECTORS:
            see_to(workspace, slug, actor=people["admin"])
        target, inputs, why = REFUSED
        refused = invoke(workspace, actor=owner, target=target, inputs=inputs, simulate=True).approval
        decide_approval(refused, reviewer=people["approver"], decision="rejected", note=why, digest=refused.digest)
        calls = [*SINGLES, *(("gmail.send", _invitation(town, PEOPLE)) for town in TOWNS)]
        calls.append(("gmail.send", _invitation("all our towns", EVERYBODY)))
        for target, inputs in calls:
            invoke(workspace, actor=owner, target=target, inputs=inputs, simulate=True)
        ask_install(
            workspace, self._listing(WANTED).version, actor=people["creator"], reason="Sales keeps its deals there"
        )
        return Approval.objects.in_workspace(workspace).count()

    def _listing(self, slug: str) -> Listing:
        return Listing.objects.select_related("extension", "version__extension").get(extension__slug=slug)


def _invitation(town: str, count: int) -> dict:
    return {
        "to": [f"guest{number}@customers.example" for number in range(count)],
        "subject": f"Breakfast in {town}",
        "body": "You are invited. Answer by Friday, please.",
    }
