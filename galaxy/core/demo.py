"""The demo workspaces and their people: what ``seed_demo`` makes and ``make run`` prints. Never in production."""

from galaxy.core.models import Role

PASSWORD = "galaxy-demo-2026"  # noqa: S105  (printed on purpose; seed_demo refuses to run in production)
WORKSPACE = ("Meridian Sales", "meridian")
NEIGHBOUR = ("Tidewater Labs", "tidewater")

# Role, name, e-mail address; every one of them is in the first workspace.
PEOPLE = [
    (Role.OWNER, "Olga Winter", "owner@demo.example"),
    (Role.ADMIN, "Ada Reyes", "admin@demo.example"),
    (Role.APPROVER, "Paul Okafor", "approver@demo.example"),
    (Role.CREATOR, "Cleo Marsh", "creator@demo.example"),
    (Role.AUDITOR, "Aki Tanaka", "auditor@demo.example"),
    (Role.MEMBER, "Mia Lund", "member@demo.example"),
]
# The same address may be somebody else next door: the admin of one workspace is a plain member of the other.
NEIGHBOURS = [(Role.OWNER, "Noor Haddad", "neighbour@demo.example"), (Role.MEMBER, "Ada Reyes", "admin@demo.example")]

# The marketplace's own workspace, whose people review what the others submit.
DESK = ("Galaxy Marketplace", "marketplace")
DESK_PEOPLE = [
    (Role.OWNER, "Dana Brandt", "desk@demo.example"),
    (Role.APPROVER, "Rui Costa", "reviewer@demo.example"),
    (Role.APPROVER, "Ines Falk", "reviewer2@demo.example"),
]

LOGINS = [(role.label, email, PASSWORD) for role, _, email in PEOPLE]
LOGINS += [("Desk" if role == Role.OWNER else "Reviewer", email, PASSWORD) for role, _, email in DESK_PEOPLE]
