"""Drafts that can be submitted, and submissions at each stage, for tests."""

import textwrap

from django.utils import timezone

from galaxy.core.scope import scope_with
from marketplace.submissions.facing import PUBLIC, Order, desk_for
from marketplace.submissions.proof import prove_submission
from marketplace.submissions.services import submit, take
from marketplace.workshop.drafts import begin_draft, put_file, save_draft
from registry.models import Publisher, PublisherMember
from registry.publishers.naming import make_publisher

TEXT = textwrap.dedent("""\
    connector: lantern-tasks
    version: 1.0.0
    name: Lantern tasks
    summary: Keeps the tasks of a team in Lantern.
    licence: Apache-2.0
    docs: Adds tasks to the list of a team in Lantern. Connect it with a token that may write tasks.
    auth: { type: bearer }
    base_url: https://api.lantern.example/v1
    egress: [{ host: api.lantern.example, methods: [POST], path_prefix: /v1 }]
    retry: { strategy: exponential, max_attempts: 3 }
    actions:
      - id: create_task
        name: Create a task
        summary: Adds one task to the list.
        method: POST
        path: /tasks
        inputs: { title: string, owner: email? }
        outputs: { id: string, title: string }
        errors: [401, 429, 5xx]
        scopes: [lantern-tasks.tasks.write]
        simulation: { answer: { id: "fake_id('t-', inputs.title)", title: inputs.title } }
        fixtures:
          happy: { inputs: { title: Call Ada }, status: 200, body: { id: t-1, title: Call Ada } }
          "401": { status: 401, body: { message: expired } }
          "429": { status: 429, headers: { Retry-After: "5" }, body: {} }
          5xx: { status: 503, body: {} }
    """)
_DELETING = textwrap.indent(
    textwrap.dedent("""\
    - id: delete_task
      name: Delete a task
      summary: Takes one task off the list.
      method: DELETE
      path: /tasks/{id}
      inputs: { id: string }
      outputs: { deleted: bool }
      response: { deleted: "status == `204`" }
      errors: [401, 429, 5xx]
      scopes: [lantern-tasks.tasks.delete]
      idempotent: true
      destructive: true
      policy: { approval: { required_for: [delete] } }
      simulation: { answer: { deleted: "`true`" } }
      fixtures:
        happy: { inputs: { id: t-1 }, status: 204 }
        "401": { status: 401, body: { message: expired } }
        "429": { status: 429, headers: { Retry-After: "5" }, body: {} }
        5xx: { status: 503, body: {} }
    """),
    "  ",
)
# The same with an undo, which Enterprise asks of every write.
UNDOABLE = TEXT.replace("methods: [POST]", "methods: [POST, DELETE]")
UNDOABLE = UNDOABLE.replace("tasks.write]\n", "tasks.write]\n    undo: delete_task\n") + _DELETING


def text_of(number: str = "1.0.0", name: str = "lantern-tasks", **swaps: str) -> str:
    """TEXT under another name or number, and with further pieces of it swapped by ``old=new``."""
    text = TEXT.replace("lantern-tasks", name).replace("version: 1.0.0", f"version: {number}")
    for old, new in swaps.items():
        assert old in text
        text = text.replace(old, new)
    return text


def publisher_of(workspace, *people) -> Publisher:
    """A publisher named as the workspace, vouched for, with ``people`` on its team."""
    found = Publisher.objects.filter(workspace=workspace, name=workspace.name).first()
    vouched = {"proof": "staff", "proven_at": timezone.now(), "vouched_by": people[0], "vouch_reason": "Known to us."}
    found = found or make_publisher(workspace.name, workspace=workspace, created_by=people[0], **vouched)
    for person in people:
        PublisherMember.objects.get_or_create(publisher=found, user=person)
    return found


def order_of(workspace, author, catalogue: str = PUBLIC, **more) -> Order:
    owner = publisher_of(workspace, author) if catalogue == PUBLIC else None
    words = {"owner": owner, "support": "help@lantern.example", "changes": "The first release."} | more
    return Order(desk_for(workspace, catalogue), **words)


def put_beside(draft, *, path: str, content: bytes, actor):
    """The file, put beside ``draft`` by somebody who has read it as it is now; ``draft`` is of after that."""
    draft.refresh_from_db()
    file = put_file(draft, path=path, content=content, revision=draft.revision, actor=actor)
    draft.refresh_from_db()
    return file


def submitted(workspace, author, *, text: str = TEXT, catalogue: str = PUBLIC, draft=None, now=None, **more):
    """A submission of a draft of ``author``'s, new where none is given."""
    if draft is None:
        draft = begin_draft(workspace, text=text, actor=author)
    elif draft.text != text:
        draft, _ = save_draft(draft, text=text, revision=draft.revision, actor=author)
    return submit(draft, order=order_of(workspace, author, catalogue, **more), actor=author, now=now)


def taken(submission, desk, reviewer, *, now=None):
    """The same, with its evidence as a worker finds it, taken by ``reviewer``."""
    with scope_with(desk.pk):
        prove_submission(submission.pk)
        return take(submission, desk=desk, actor=reviewer, now=now)
