"""What is done by a token names the token in the trail, to its last consequence, and nothing else does."""

from galaxy.core.audit import Actor
from galaxy.core.audit.actors import act_by, own_token
from galaxy.core.audit.reading import view_of
from galaxy.core.models import AuditEvent, Token
from sandbox.models import Run
from sandbox.services import invoke, perform
from tests.api.conftest import send, url


def chain_of(action: str) -> list[tuple[str, str]]:
    """[(kind, label)] of the newest event of that name, whose commitments hold."""
    view = view_of(AuditEvent.objects.filter(action=action).latest("pk"))
    assert view.broken == []
    return [(link["kind"], link["label"]) for link in view.chain]


def test_a_persons_acts_by_token_name_it(api, token_of, client_of, auditor, admin, probe, tidy):
    client = api(token_of(admin))
    by_token = [("person", str(admin)), ("token", "token “Test”")]
    send(client, "installations/", {"digest": tidy.digest})
    assert chain_of("installation.created") == by_token
    run = send(client, "runs/", {"target": "probe.look_up", "inputs": {"key": "a"}}).json()
    assert chain_of("run.requested") == by_token
    perform(run["id"])  # by a worker, long after the request
    assert [kind for kind, _ in chain_of("run.succeeded")] == ["person", "token", "call"]
    event = AuditEvent.objects.get(action="run.requested")
    assert (event.actor_kind, event.actor_id) == ("person", str(admin.pk))
    token = Token.objects.get()
    assert view_of(event).chain[1]["id"] == str(token.pk)
    page = client_of(auditor).get(f"/w/meridian/audit/{event.pk}/").content.decode()
    assert "token “Test”" in page


def test_an_agents_acts_name_person_agent_and_token(api, token_of, admin, agent):
    client = api(token_of(admin, agent=agent))
    expected = [("person", str(admin)), ("agent", "Lead agent"), ("token", "token “Test”")]
    run = send(client, "runs/", {"target": "probe.remove", "inputs": {"key": "a"}}).json()
    assert (chain_of("run.requested"), chain_of("approval.requested")) == (expected, expected)
    send(client, f"runs/{run['id']}/cancellation/", {})
    assert chain_of("run.cancelled") == expected
    assert chain_of("approval.withdrawn") == expected  # not as if its owner had done it themselves


def test_a_token_that_ends_itself_is_named(api, token_of, member):
    client = api(token_of(member))
    send(client, f"tokens/{Token.objects.get().pk}/revocation/", {})
    assert chain_of("token.revoked") == [("person", str(member)), ("token", "token “Test”")]


def test_a_session_names_no_token_nor_does_what_comes_after(api, token_of, client_of, workspace, admin, auditor, probe):
    api(token_of(auditor)).get(url("events/"))
    assert [kind for kind, _ in chain_of("audit.viewed")] == ["person", "token"]
    client_of(auditor).get(url("events/?action=run."))
    assert chain_of("audit.viewed") == [("person", str(auditor))]
    invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"})
    assert Run.objects.get().chain == Actor.of(admin).as_list()


def test_it_names_no_token_for_somebody_else(workspace, token_of, admin, member, agent):
    token_of(member)
    with own_token():
        act_by(Token.objects.get())
        chain = Actor.of(member)
        assert [link.kind for link in chain.chain] == ["person", "token"]
        assert Actor.from_list(chain.as_list()) == chain
        assert [link.kind for link in Actor.of(admin).chain] == ["person"]
        assert [link.kind for link in Actor.of_agent(agent).chain] == ["person", "agent"]
        assert [link.kind for link in Actor.of(None).chain] == ["system"]
    assert [link.kind for link in Actor.of(member).chain] == ["person"]
