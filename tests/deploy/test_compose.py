"""deploy/compose: by the specification's own schema, by the programs that read its files, and by rules of ours."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from galaxy.core.telemetry import prometheus
from sandbox.metrics import operators
from tests.deploy import composed
from tests.deploy.boxes import SERVES, UNPROBED, Box, documented_commands, faults, known_settings
from tests.deploy.composed import FOLDER, interpolated, read

FOUND = read()
BOXES = composed.boxes(FOUND)
BIN = Path(sys.executable).parent


def run(*command: object, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)


def by_the_schema(path: Path) -> subprocess.CompletedProcess[str]:
    return run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)


@pytest.mark.parametrize("name", ["compose.yaml", "compose.outside.yaml"])
def test_it_is_what_the_specification_says(name):
    done = by_the_schema(FOLDER / name)
    assert done.returncode == 0, done.stdout


def test_the_schema_notices_a_word_that_it_does_not_know(tmp_path):
    (tmp_path / "compose.yaml").write_text((FOLDER / "compose.yaml").read_text().replace("cap_drop", "cap_drops"))
    assert by_the_schema(tmp_path / "compose.yaml").returncode == 1


@pytest.mark.parametrize("name", sorted(BOXES))
def test_each_container_keeps_the_rules(name):
    assert faults(BOXES[name]) == []


BROKEN = [
    ("web", {"user": "0:0"}, "runs as root"),
    ("postgres", {"user": ""}, "runs as root"),
    ("web", {"read_only_root": False}, "may write to its root"),
    ("worker", {"drops": []}, "keeps capabilities"),
    ("valkey", {"gains_nothing": False}, "may gain privileges"),
    ("beat", {"limits": {"cpu"}}, "no limit of memory"),
    ("web-sandboxd", {"is_probed": False}, "is not probed"),
    ("rabbitmq", {"image": "docker.io/library/rabbitmq:latest"}, "is newest"),
    ("rabbitmq", {"image": "rabbitmq"}, "is newest"),
    ("web", {"env": {"GALAXY_KMS": "local:/x"}}, "is given GALAXY_KMS"),
    ("worker", {"env": {"GALAXY_SIGNING_KEYS_FILE": "/x"}}, "is given GALAXY_SIGNING_KEYS"),
    ("web", {"env": {"DATABASE_OWNER_URL_FILE": "/x"}}, "is given DATABASE_OWNER_URL"),
    ("web", {"mounts": {"/srv/galaxy/keys/vault": "keys-vault"}}, "is given /srv/galaxy/keys/vault"),
    ("sandboxd", {"mounts": {"/srv/galaxy/keys": "keys"}}, "is given every key"),
    ("sandboxd", {"mounts": {"/srv/galaxy/keys/vault": "keys-vault"}, "read_only_mounts": set()}, "may write to"),
    ("worker", {"mounts": {"/srv/galaxy/checkpoints": "c"}, "read_only_mounts": set()}, "copies of checkpoints"),
    ("web", {"networks": {"inside", "outside"}}, "reaches the internet"),
    ("web", {"env": {"ALLOWED_HOST": "a"}}, "no setting is called ALLOWED_HOST"),
    ("web", {"env": {}}, "lacks ALLOWED_HOSTS"),
    ("web", {"env": {"GALAXY_REQUIRE_SECOND_FACTOR": "false"}}, "lets people in by their password alone"),
    ("sandboxd", {"env": {}}, "lacks GALAXY_KMS"),
    ("sequencer", {"env": {}}, "lacks GALAXY_SIGNING_KEYS"),
    ("web", {"env": {"SECRET_KEY": "a"}}, "SECRET_KEY stands in the file"),
]


@pytest.mark.parametrize(("name", "change", "said"), BROKEN, ids=[one[2] + " " + one[0] for one in BROKEN])
def test_each_rule_notices(name, change, said):
    whole = next(box for box in BOXES.values() if name in (box.name, box.process))
    assert not any(said in fault for fault in faults(whole))
    assert any(said in fault for fault in faults(replace(whole, **change)))


def test_each_process_that_serves_is_there_with_a_sandboxd_beside_whoever_asks_it():
    assert {box.process for box in BOXES.values() if box.is_ours} == SERVES | {"prepare", "keys"}
    for name in ("web", "worker"):
        beside = BOXES[f"{name}-sandboxd"]
        assert BOXES[name].mounts["/run/galaxy"] == beside.mounts["/run/galaxy"]
        sharing = [box.name for box in BOXES.values() if BOXES[name].mounts["/run/galaxy"] in box.mounts.values()]
        assert sorted(sharing) == [name, beside.name]
        # What it keeps for itself it shares with nobody: machine code that its workers run.
        assert [box.name for box in BOXES.values() if beside.mounts["/var/lib/galaxy"] in box.mounts.values()] == [
            beside.name
        ]


def test_commands_are_those_that_the_documents_name():
    documented = documented_commands()
    for name, box in BOXES.items():
        if not box.is_ours or box.process == "keys":
            continue
        said = (
            " ".join(box.command)
            .replace("/var/lib/galaxy/beat-schedule", "FILE")
            .replace("python manage.py", "manage.py")
        )
        wanted = documented[box.process]
        assert said == wanted or (box.process == "sandboxd" and said.endswith(f"exec {wanted}")), name


def test_the_way_out_is_of_sandboxd_alone():
    networks = FOUND["networks"]
    assert networks["inside"]["internal"] is True
    assert networks["door"]["driver_opts"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    assert {box.process for box in BOXES.values() if "outside" in box.networks} == {"sandboxd"}
    published = {name: service["ports"] for name, service in FOUND["services"].items() if "ports" in service}
    assert set(published) == {"web", "prometheus"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_whoever_needs_a_way_out_for_web_and_worker_asks_for_it():
    wider = composed.boxes(read("compose.yaml", "compose.outside.yaml"))
    reaching = {name for name, box in wider.items() if "outside" in box.networks}
    assert reaching == {"web", "worker", "web-sandboxd", "worker-sandboxd"}


def test_nothing_is_mounted_or_given_that_is_not_there(tmp_path):
    assert all(path.is_file() for path in composed.host_files(FOUND))
    done = run(FOLDER / "make-secrets", tmp_path)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in tmp_path.iterdir()}
    declared = {Path(one["file"]).name for one in FOUND["secrets"].values()}
    assert declared <= made
    for name, service in FOUND["services"].items():
        given = {one if isinstance(one, str) else one["source"] for one in service.get("secrets", [])}
        assert given <= set(FOUND["secrets"]), name
        asked = {
            Path(value).name for value in (service.get("environment") or {}).values()
            if str(value).startswith("/run/secrets/")
        }  # fmt: skip
        assert asked <= given, name
        if BOXES[name].is_ours:
            assert asked == given, f"{name} is given secrets that it does not ask for"
    volumes = {source for box in BOXES.values() for source in box.mounts.values() if not source.startswith(".")}
    assert volumes == set(FOUND["volumes"])


def test_secrets_are_random_kept_and_out_of_reach_of_others(tmp_path):
    folder = tmp_path / "secrets"
    run(FOLDER / "make-secrets", folder)
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}
    random = [
        text.strip() for name, text in first.items() if name.endswith(("_key", "_password", "_token")) and text.strip()
    ]
    assert len(set(random)) == len(random) == 8 and all(len(text) == 64 for text in random)
    (folder / "broker_url").unlink()
    assert run(FOLDER / "make-secrets", folder).returncode == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == first
    run(FOLDER / "make-secrets", tmp_path / "others")
    assert (tmp_path / "others" / "secret_key").read_text() != first["secret_key"]


def test_what_people_have_to_say_is_asked_for():
    with pytest.raises(composed.Missing, match="GALAXY_HOST"):
        read(given={})
    assert interpolated("${A:-b} $${C} ${D:?why}", {"D": "d"}) == "b ${C} d"


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool comes with Debian's package prometheus")
def test_prometheus_takes_its_files(tmp_path):
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    check = ("promtool", "check", "config", "--syntax-only", "--lint-fatal", tmp_path / "prometheus.yml")
    done = run(*check)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(text.replace("metrics_path", "metric_path"))
    assert run(*check).returncode != 0
    assert run("promtool", "check", "rules", tmp_path / "alerts.yml").returncode == 0


def test_alerts_ask_for_figures_that_there_are():
    source = Path(prometheus.__file__).read_text() + Path(operators.__file__).read_text()
    told = set(re.findall(r'"(galaxy_\w+)"', source))
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            asked = {name.removesuffix("_total") for name in re.findall(r"galaxy_\w+", rule["expr"])}
            assert asked <= told, rule["alert"]


@pytest.mark.skipif(not shutil.which("docker"), reason="there is no docker")
def test_docker_itself_reads_it(tmp_path):
    run(FOLDER / "make-secrets", tmp_path)
    env = os.environ | composed.example() | {"GALAXY_SECRETS": str(tmp_path)}
    if run("docker", "compose", "version").returncode:
        pytest.skip("docker has no compose")
    done = run("docker", "compose", "-f", FOLDER / "compose.yaml", "config", "--quiet", env=env)
    assert (done.returncode, done.stderr) == (0, "")


def test_exceptions_are_of_containers_that_there_are():
    assert set(UNPROBED) <= set(BOXES)
    assert isinstance(BOXES["web"], Box) and "SECRET_KEY" in known_settings()
