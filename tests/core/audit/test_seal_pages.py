"""The seal on pages: positions in the list, the proof of one event, the signed head, and verifying by a button."""

import re
import xml.etree.ElementTree as ET
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from galaxy.core.audit import proving, tree, verifications
from galaxy.core.audit.notes import verifier_key
from galaxy.core.audit.proofs import inclusion_path, leaf_hash, node_hash, root_of
from galaxy.core.models import AuditDetail, AuditEvent, AuditVerification
from galaxy.core.ui.proof_path import proof_path
from tests.sealing import seal

State = AuditVerification.State


@pytest.fixture(autouse=True)
def copies(settings, tmp_path):
    settings.GALAXY_CHECKPOINTS_DIR = tmp_path / "checkpoints"


def url(name, workspace, *args):
    return reverse(f"core:{name}", args=[workspace.slug, *args])


def in_order(event) -> AuditEvent:
    return AuditEvent.objects.in_order().select_related("workspace").get(pk=event.pk)


# --- The list and one event --------------------------------------------------------------------------------------


def test_the_list_numbers_what_is_sealed_and_says_what_is_not(client_of, auditor, workspace, write, sequencer):
    event = write()
    size = seal(sequencer, workspace)
    write("box.closed")
    response = client_of(auditor).get(url("audit-list", workspace), {"action": "box."})
    assert f"{size} events in one sealed tree" in response.text
    found = {row.event.action: row.event.position for row in response.context["rows"]}
    assert found == {"box.opened": tree.position_of(event), "box.closed": None}
    assert "not sealed yet" in response.text


def test_an_event_shows_that_it_hashes_up_to_the_signed_root(client_of, auditor, workspace, write, sequencer):
    event = write()
    size = seal(sequencer, workspace)
    text = client_of(auditor).get(event.get_absolute_url()).text
    assert f"{tree.position_of(event)} of tree {size}" in text and "Proven" in text
    assert f'aria-label="Leaf {tree.position_of(event)}, and ' in text


def test_an_event_that_is_not_sealed_says_so(client_of, auditor, write, sequencer):
    text = client_of(auditor).get(write().get_absolute_url()).text
    assert "Not sealed yet" in text and "proof-path" not in text


def test_an_event_that_was_changed_proves_nothing(client_of, auditor, workspace, write, sequencer):
    event = write()
    seal(sequencer, workspace)
    changed = in_order(event)
    changed.target_id = "elsewhere"
    assert (proving.proof_of(in_order(event)).holds, proving.proof_of(changed).holds) == (True, False)
    with patch("galaxy.core.views.audit.proof_of", lambda event: proving.proof_of(changed)):
        text = client_of(auditor).get(event.get_absolute_url()).text
    assert "Not proven" in text and "does not hash up to what was signed" in text


def test_a_head_that_no_key_of_ours_signed_proves_nothing(workspace, write, sequencer):
    event = write()
    seal(sequencer, workspace)
    with patch("galaxy.core.audit.proving.public_keys", list):
        assert not proving.proof_of(in_order(event)).holds


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100])
def test_sides_say_where_each_hash_of_a_path_belongs(size):
    levels = [[leaf_hash(b"%d" % number) for number in range(size)]]
    while len(levels[-1]) > 1:
        levels.append([node_hash(*levels[-1][at : at + 2]) for at in range(0, len(levels[-1]) - 1, 2)])
    subtree = lambda level, index: levels[level][index]  # noqa: E731
    for position in range(size):
        found = levels[0][position]
        path, sides = inclusion_path(position, size, subtree), proving.sides_of(position, size)
        for other, is_left in zip(path, sides, strict=True):
            found = node_hash(other, found) if is_left else node_hash(found, other)
        assert found == root_of(size, subtree)


def test_the_drawing_has_a_hollow_node_beside_each_step():
    found = ET.fromstring(proof_path([True, False, True], 'Leaf "5"'))  # noqa: S314  (our own markup)
    kinds = [one.get("class") for one in found]
    assert (kinds.count("beside"), kinds.count("on-way"), kinds.count("edge edge-on")) == (3, 4, 3)
    assert found.get("aria-label") == 'Leaf "5"' and found.get("style") is None
    left, top, width, height = map(float, found.get("viewBox").split())
    for circle in found.iter("circle"):
        x, y = float(circle.get("cx")), float(circle.get("cy"))
        assert left < x < left + width and top < y < top + height


def test_a_tree_of_one_leaf_is_a_point():
    assert proof_path([], "Leaf").count("<circle") == 1


# --- The seal ----------------------------------------------------------------------------------------------------


def test_the_seal_publishes_head_and_keys(client_of, auditor, workspace, sequencer):
    seal(sequencer, workspace)
    text = client_of(auditor).get(url("audit-seal", workspace)).text
    checkpoint, (key,) = tree.checkpoint_of(workspace), tree.public_keys()
    assert f"galaxy.audit/{workspace.pk}\n{checkpoint.size}\n" in text
    assert key.key_id in text and verifier_key(f"galaxy.audit/{workspace.pk}", key.public) in text
    assert AuditEvent.objects.filter(action="seal.viewed").count() == 1


def test_a_trail_without_a_seal_says_what_is_missing(client_of, auditor, workspace):
    assert "Nothing is sealed yet" in client_of(auditor).get(url("audit-seal", workspace)).text


# --- Verifying ---------------------------------------------------------------------------------------------------


def test_the_button_starts_one_verification_and_the_page_shows_its_result(
    client_of, auditor, workspace, write, sequencer, django_capture_on_commit_callbacks
):
    write()
    size = seal(sequencer, workspace)
    client = client_of(auditor)
    with (
        patch("galaxy.core.tasks.verify_trail.delay") as rung,
        django_capture_on_commit_callbacks(execute=True),
    ):
        response = client.post(url("audit-verification-create", workspace))
        client.post(url("audit-verification-create", workspace))
    job = AuditVerification.objects.get()
    assert response.url == job.get_absolute_url() and rung.call_count == 2
    assert 'hx-trigger="every 2s"' in client.get(job.get_absolute_url()).text
    verifications.carry_out(job.pk)
    text = client.get(job.get_absolute_url()).text
    assert "Intact" in text and f"{size} events" in text and "every 2s" not in text
    assert verifications.carry_out(job.pk).state == State.INTACT
    done = AuditEvent.objects.get(action="trail.verified")
    fields = AuditDetail.objects.get(event_id=done.pk).fields
    assert (done.actor_id, fields["data.result"], fields["data.events"]) == (str(auditor.pk), "intact", size)
    assert AuditEvent.objects.filter(action="trail.verification_started").count() == 1


def test_what_is_found_is_shown_with_its_place(client_of, auditor, workspace, sequencer, write, tmp_path):
    seal(sequencer, workspace)
    write()
    point = transaction.savepoint()
    seal(sequencer, workspace)
    size = tree.checkpoint_of(workspace).size
    transaction.savepoint_rollback(point)
    job = verifications.start_verification(workspace, actor=auditor)
    assert verifications.carry_out(job.pk).state == State.BROKEN
    text = client_of(auditor).get(job.get_absolute_url()).text
    assert "Not intact" in text and "End cut off" in text and f"over {size} events, was signed" in text
    assert re.search(rf'<th scope="row" class="nowrap">{size - 1}</th>', text)


def test_copies_that_cannot_be_read_are_told(workspace, auditor, sequencer, settings, tmp_path, client_of):
    seal(sequencer, workspace)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "keys.log").mkdir()
    settings.GALAXY_CHECKPOINTS_DIR = tmp_path / "elsewhere"
    job = verifications.carry_out(verifications.start_verification(workspace, actor=auditor).pk)
    assert job.state == State.FAILED
    assert "cannot be read here: Is a directory." in client_of(auditor).get(job.get_absolute_url()).text


@pytest.mark.parametrize("role", ["approver", "creator", "member"])
def test_who_may_not_export_may_not_verify(client_of, cast, workspace, auditor, role):
    job = verifications.start_verification(workspace, actor=auditor)
    client = client_of(cast[role])
    assert client.post(url("audit-verification-create", workspace)).status_code == 403
    assert client.get(job.get_absolute_url()).status_code == 403
    assert client.get(url("audit-seal", workspace)).status_code == 403


def test_another_workspaces_verification_is_not_found(client_of, auditor, workspace, stranger, other_workspace):
    job = verifications.start_verification(workspace, actor=auditor)
    assert client_of(stranger).get(url("audit-verification", other_workspace, job.pk)).status_code == 404


def test_the_page_of_an_event_costs_the_same_however_large_the_tree(client_of, auditor, workspace, write, sequencer):
    event, client = write(), client_of(auditor)
    seal(sequencer, workspace)
    client.get(event.get_absolute_url())
    with CaptureQueriesContext(connection) as small:
        client.get(event.get_absolute_url())
    for _ in range(40):
        write()
    seal(sequencer, workspace)
    with CaptureQueriesContext(connection) as large:
        client.get(event.get_absolute_url())
    assert len(large) == len(small)
