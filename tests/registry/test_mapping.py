"""A pack whose mappings cannot fit what is installed: refused where it is installed, and before it runs."""

import pytest

from marketplace.assistant.simulating import reported
from marketplace.checks import Context, check
from marketplace.checks.codes import OWN
from registry.errors import ConsentNeeded, MappingsUnfit, PacksStop
from registry.models import Installation, PackPin
from registry.rollback.checks import checks_of
from registry.rollback.services import NotSeen, roll_back
from registry.services import install, move_pin
from registry.services.mapping import required_manifests
from registry.services.moving import widening_of
from registry.updates.pack_pins import pin_for_pack, unpin_for_pack
from sandbox.models import Run
from sandbox.services import invoke
from sandbox.upgrades.report import preview
from tests.extensions import PACK, PROBE, TIDY, installed, publish
from tests.playhouse import staged

FLOW_CODES = {name for name in OWN if name.startswith(("mapping-", "step-", "requirement-"))}


def pack(**swaps: str) -> str:
    text = PACK.replace("probe.flow", "probe.flow-of-mine")
    for old, new in swaps.items():
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture
@staged
def parts(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY)


def test_a_pack_that_would_fail_is_not_installed(workspace, admin, parts):
    version = publish(pack(**{"key: steps.tidy.title": "key: steps.tidy.titel"}))
    with pytest.raises(MappingsUnfit, match=r"Step “make”.*“key” is needed, and this finds nothing"):
        install(workspace, version.extension, version=version, actor=admin)
    assert not Installation.objects.filter(extension=version.extension).exists()


def test_a_pack_that_fits_is_installed(workspace, admin, parts):
    version = publish(pack())
    assert install(workspace, version.extension, version=version, actor=admin).pin.version == version


def test_what_it_calls_moves_on_and_the_run_is_refused_before_anything_happens(workspace, admin, parts):
    installed(workspace, admin, PACK.replace("probe: ^1.0", 'probe: ">=1.0"'))
    asked = {"target": "probe.flow", "inputs": {"name": "A", "on": "2026-01-02"}}
    assert invoke(workspace, actor=admin, **asked).state == "queued"
    other = PROBE.replace("version: 1.0.0", "version: 2.0.0").replace(
        "request_schema: { key: string, owner: email? }", "request_schema: { key: int, owner: email? }"
    )
    assert other.count("key: int") == 1
    newer = publish(other)
    with pytest.raises(PacksStop, match=r"1 pack here would not run with Probe 2\.0\.0"):
        move_pin(parts[0], version=newer, actor=admin, agrees=True)
    move_pin(parts[0], version=newer, actor=admin, agrees=True, stops=True)
    before = Run.objects.count()
    with pytest.raises(MappingsUnfit, match=r"Step “make” of Probe flow, with\.key: This is a text, and a number"):
        invoke(workspace, actor=admin, **asked)
    assert Run.objects.count() == before


WIDE = PACK.replace("probe: ^1.0", 'probe: ">=1.0"')
TYPED = ("request_schema: { key: string, owner: email? }", "request_schema: { key: int, owner: email? }")


def breaking(number="2.0.0"):
    """A version of the connector that the installed pack cannot give what it takes."""
    text = PROBE.replace("version: 1.0.0", f"version: {number}")
    assert TYPED[0] in text
    return publish(text.replace(*TYPED, 1))


def test_the_page_of_the_move_names_the_pack_and_wants_to_hear_that_it_was_seen(client_of, workspace, admin, parts):
    installed(workspace, admin, WIDE)
    version = breaking()
    page = f"/w/{workspace.slug}/installed/{parts[0].pk}/version/"
    shown = client_of(admin).get(f"{page}?to={version.digest}").content.decode()
    assert "Probe flow will not run with it." in shown
    assert "This is a text, and a number" in shown
    assert 'name="stops"' in shown
    agreed = [*widening_of(parts[0], version.parsed).words]
    refused = client_of(admin).post(page, {"to": version.digest, "agreed": agreed})
    assert refused.status_code == 409
    assert "would not run" in refused.content.decode()
    parts[0].pin.refresh_from_db()
    assert parts[0].pin.version.number == "1.0.0"
    moved = client_of(admin).post(page, {"to": version.digest, "agreed": agreed, "stops": "1"})
    assert moved.status_code == 302
    parts[0].pin.refresh_from_db()
    assert parts[0].pin.version.number == "2.0.0"


def test_a_pack_does_not_move_to_a_version_that_cannot_run_here(workspace, admin, parts):
    flow = installed(workspace, admin, WIDE)[0]
    text = WIDE.replace("version: 1.0.0", "version: 1.1.0").replace("key: steps.tidy.title", "key: steps.tidy.titel")
    with pytest.raises(MappingsUnfit, match="Step “make”"):
        move_pin(flow, version=publish(text), actor=admin)
    flow.pin.refresh_from_db()
    assert flow.pin.version.number == "1.0.0"


def test_no_pack_is_pinned_to_what_it_cannot_give_anything(workspace, admin, parts):
    flow = installed(workspace, admin, WIDE)[0]
    with pytest.raises((MappingsUnfit, ConsentNeeded)):
        pin_for_pack(parts[0], pack=flow, version=breaking(), actor=admin, reason="To try it.")
    assert not PackPin.objects.exists()


def test_a_pack_that_does_not_run_as_it_is_holds_up_no_move(workspace, admin, parts):
    installed(workspace, admin, WIDE)
    move_pin(parts[0], version=breaking(), actor=admin, agrees=True, stops=True)
    parts[0].refresh_from_db()
    move_pin(parts[0], version=breaking("2.1.0"), actor=admin, agrees=True)
    parts[0].pin.refresh_from_db()
    assert parts[0].pin.version.number == "2.1.0"


def test_a_pack_goes_back_to_what_does_not_run_once_that_was_seen(workspace, admin, parts):
    """The newer one may do harm, so the way back is shown what it means, and not shut."""
    flow = installed(workspace, admin, WIDE)[0]
    move_pin(parts[0], version=breaking(), actor=admin, agrees=True, stops=True)
    newer = publish(WIDE.replace("version: 1.0.0", "version: 2.0.0").replace("key: steps.tidy.title", 'key: "`1`"'))
    before = flow.pin.version
    move_pin(flow, version=newer, actor=admin)
    flow = Installation.objects.get(pk=flow.pk)
    (check,) = [one for one in checks_of(flow, before, admin) if one.code == "mappings"]
    assert check.blocks and "Step “make”" in check.text
    with pytest.raises(NotSeen):
        roll_back(flow, version=before, actor=admin, reason="It does harm.")
    assert roll_back(flow, version=before, actor=admin, reason="It does harm.", accepted=["mappings"]).version == before


def test_pack_and_part_may_change_one_after_the_other_once_that_was_seen(client_of, workspace, admin, parts):
    flow = installed(workspace, admin, WIDE)[0]
    text = WIDE.replace("version: 1.0.0", "version: 1.1.0").replace("key: steps.tidy.title", 'key: "`1`"')
    version = publish(text)
    page = f"/w/{workspace.slug}/installed/{flow.pk}/version/"
    assert "Probe flow will not run with it." in client_of(admin).get(f"{page}?to={version.digest}").content.decode()
    with pytest.raises(MappingsUnfit):
        move_pin(flow, version=version, actor=admin)
    assert client_of(admin).post(page, {"to": version.digest, "stops": "1"}).status_code == 302
    move_pin(parts[0], version=breaking(), actor=admin, agrees=True)
    assert invoke(workspace, actor=admin, target="probe.flow", inputs={"name": "A", "on": "2026-01-02"})


def test_a_pack_with_a_version_of_its_own_is_not_stopped(workspace, admin, parts):
    flow = installed(workspace, admin, WIDE)[0]
    pin_for_pack(parts[0], pack=flow, version=parts[0].pin.version, actor=admin, reason="It stays.")
    move_pin(parts[0], version=breaking(), actor=admin, agrees=True)
    assert invoke(workspace, actor=admin, target="probe.flow", inputs={"name": "A", "on": "2026-01-02"})
    with pytest.raises(MappingsUnfit):
        unpin_for_pack(PackPin.objects.get(), actor=admin)


def test_the_report_of_a_replay_and_the_assistant_say_it(workspace, admin, parts):
    installed(workspace, admin, WIDE)
    version = breaking()
    report = preview(parts[0], version, actor=admin)
    assert [(one["name"].split(" in ")[0], "This is a text" in one["why"]) for one in report.content["packs"]] == [
        ("Probe flow", True)
    ]
    assert "1 pack here would not run with it" in [line.text for line in reported(report).lines]


@pytest.mark.parametrize(
    ("old", "new", "code", "path"),
    [
        ("key: steps.tidy.title", "key: steps.tidy.titel", "mapping-fails", "steps[1].with.key"),
        ("key: steps.tidy.title", "key: steps.tidy.title, owner: steps.tidy.mail", "mapping-finds-nothing",
         "steps[1].with.owner"),
        ("key: steps.tidy.title", "kye: steps.tidy.title", "mapping-fails", "steps[1].with.kye"),
        ("when: inputs.remove, with: { key", "when: inputs.remove, each: \"[steps.make.id]\", most: 3, with: { key",
         "", ""),
        ("success: steps.look.id", "success: steps.look.nosuch == `1`", "mapping-finds-nothing", "outcome.success"),
        ("success: steps.look.id", "success: \"`false`\"", "mapping-fails", "outcome.success"),
        ("use: probe.look_up", "use: probe.look", "step-calls-nothing", "steps[3].use"),
        ("probe: ^1.0", "probe: ^7.0", "requirement-unknown", "requires.probe"),
    ],
)  # fmt: skip
def test_the_list_of_findings_tells_it_at_its_line(workspace, parts, old, new, code, path):
    found = {one.code: one for one in check(pack(**{old: new}), context=Context(workspace=workspace)).findings}
    told = found.keys() & FLOW_CODES
    assert (code in told) if code else not told
    if code:
        assert found[code].path == path
        assert found[code].line > 1


def test_what_is_required_is_what_is_installed_else_the_newest_in_range(workspace, admin, parts):
    publish(PROBE.replace("version: 1.0.0", "version: 1.4.0"))
    publish(TIDY.replace("version: 1.0.0", "version: 1.4.0").replace("probe.tidy", "probe.tidier"))
    found = required_manifests({"probe": "^1.0", "probe.tidier": "^1.0", "nobody": "^1.0"}, workspace)
    assert {slug: one.version for slug, one in found.items()} == {"probe": "1.0.0", "probe.tidier": "1.4.0"}
    assert required_manifests({"probe": "^1.2"}, workspace)["probe"].version == "1.4.0"
