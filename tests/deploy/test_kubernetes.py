"""deploy/kubernetes: by the schemas of Kubernetes, read strictly, and by rules of ours."""

import copy
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.deploy import cluster
from tests.deploy.boxes import SERVES, documented_commands, faults
from tests.deploy.cluster import FOLDER, WAY_OUT, boxes, containers, documents, named, pods

VERSION = "1.37"
FOUND = documents()
EXAMPLE = documents("example")
BOXES = {box.name: box for box in boxes(FOUND)}
# Which Secret is mounted into which containers. "keys" copies it for the one beside it.
SECRETS = {
    "galaxy-app": {"web", "worker", "beat", "sequencer", "prepare", "sandboxd"},
    "galaxy-accounts": {"web", "prepare"},
    "galaxy-mail": {"web", "worker"},
    "galaxy-metrics": {"web"},
    "galaxy-owner": {"prepare"},
    "galaxy-root-key": {"keys"},
    "galaxy-marketplace-keys": {"keys"},
    "galaxy-trail-keys": {"keys"},
}


@pytest.mark.parametrize("one", FOUND + EXAMPLE, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_each_is_what_kubernetes_says(one):
    kubernetes_validate.validate(one, VERSION, strict=True)


@pytest.mark.parametrize(
    ("path", "value"), [("spec", {"replica": 2}), ("spec", {"replicas": "two"}), ("kind", "Deploy")]
)
def test_the_schemas_notice_what_is_wrong(path, value):
    wrong = copy.deepcopy(named(FOUND, "Deployment")["worker"])
    wrong[path] = wrong[path] | value if isinstance(value, dict) else value
    with pytest.raises((kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError)):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("name", sorted(BOXES))
def test_each_container_keeps_the_rules(name):
    assert faults(BOXES[name]) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("securityContext", "runAsNonRoot"), False, "runs as root"),
        (("securityContext", "seccompProfile"), {"type": "Unconfined"}, "runs as root"),
        (("containers", 0, "securityContext", "readOnlyRootFilesystem"), False, "may write to its root"),
        (("containers", 0, "securityContext", "privileged"), True, "keeps capabilities"),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True, "may gain privileges"),
        (("containers", 0, "resources", "limits"), {}, "no limit of cpu and memory"),
        (("containers", 0, "livenessProbe"), None, "is not probed"),
        (("containers", 0, "env", 0, "name"), "SECRET_KEYS_FILE", "no setting is called"),
    ],
)
def test_what_is_read_of_a_manifest_is_what_the_rules_look_at(path, value, said):
    found = copy.deepcopy(FOUND)
    at = pods(found)["web"]["spec"]
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    assert any(said in fault for box in boxes(found) if box.name == "web/web" for fault in faults(box))


def test_secrets_and_keys_are_where_they_are_asked_for_and_nowhere_else():
    given: dict[str, set[str]] = {}
    for box in BOXES.values():
        for path, source in box.mounts.items():
            assert not source.startswith("other:"), f"{box.name}: {path} is of the node or of the cluster"
            if source.startswith("secret:"):
                given.setdefault(source.removeprefix("secret:"), set()).add(box.process)
                assert path in box.read_only_mounts
    assert given == SECRETS
    for name, pod in pods(FOUND).items():
        of_pod = {one["name"]: BOXES[f"{name}/{one['name']}"] for one in containers(pod)}
        made = {path for path in of_pod["keys"].mounts if path.startswith("/srv/")} if "keys" in of_pod else set()
        used = {
            path for box in of_pod.values() if box.process != "keys" for path in box.mounts if "/keys/" in path
        }  # fmt: skip
        assert made == used, "no key is copied for nobody"
        assert all(of_pod["keys"].mounts[path].startswith("memory:") for path in made)


def test_each_secret_that_is_asked_for_is_named_in_the_example_and_empty_there():
    secrets = named(EXAMPLE, "Secret")
    assert set(secrets) == set(SECRETS)
    assert {value for one in secrets.values() for value in one["stringData"].values()} == {""}
    for box in BOXES.values():
        for name, path in box.env.items():
            if name.endswith("_FILE"):
                folder, _, key = path.rpartition("/")
                assert key in secrets[box.mounts[folder].removeprefix("secret:")]["stringData"], f"{box.name}: {name}"


def test_sandboxd_is_a_sidecar_of_web_and_worker_that_shares_the_socket_alone():
    for name in ("web", "worker"):
        pod = pods(FOUND)[name]
        before = [one["name"] for one in pod["spec"]["initContainers"]]
        assert before == ["keys", "sandboxd"] and pod["spec"]["initContainers"][1]["restartPolicy"] == "Always"
        own, beside = BOXES[f"{name}/{name}"], BOXES[f"{name}/sandboxd"]
        assert own.mounts["/run/galaxy"] == beside.mounts["/run/galaxy"]
        both = set(own.mounts.values()) & set(beside.mounts.values())
        assert both == {own.mounts["/run/galaxy"], "secret:galaxy-app"}
        assert not pod["spec"].get("shareProcessNamespace")


def test_pods_hold_no_token_and_have_an_account_of_their_own():
    accounts = named(FOUND, "ServiceAccount")
    for name, pod in pods(FOUND).items():
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert accounts[pod["spec"]["serviceAccountName"]]["automountServiceAccountToken"] is False
        assert pod["spec"]["serviceAccountName"] == name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])
    labels = named(FOUND, "Namespace")["galaxy"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def _picked(selector: dict, found=FOUND) -> set[str]:
    wanted = selector.get("matchLabels", {}).items()
    return {name for name, pod in pods(found).items() if wanted <= pod["metadata"]["labels"].items()}


def test_network_policies_let_through_what_is_meant():
    policies = {name: one["spec"] for name, one in named(FOUND, "NetworkPolicy").items()}
    assert policies.pop("default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    picked = {name: _picked(one["podSelector"]) for name, one in policies.items()}
    everybody = set(pods(FOUND))
    assert picked == {
        "names": everybody,
        "servers": everybody,
        "web-in": {"web"},
        "traces": {"worker"},
        "way-out": {"web", "worker"},
    }
    holders = {name for name, pod in pods(FOUND).items() if "sandboxd" in [one["name"] for one in containers(pod)]}
    assert (
        picked["way-out"]
        == holders
        == {name for name, pod in pods(FOUND).items() if WAY_OUT in pod["metadata"]["labels"]}
    )
    everywhere = [name for name, one in policies.items() if "ipBlock" in str(one) or {} in one.get("egress", [])]
    assert everywhere == ["way-out"]
    inner = policies["way-out"]["egress"][0]["to"][0]["ipBlock"]["except"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"} <= set(inner)


def test_what_stands_behind_a_name_is_there():
    """Selectors pick the pods they are meant for, and volumes, ports and budgets name what exists."""
    claims, deployments = named(FOUND, "PersistentVolumeClaim"), named(FOUND, "Deployment")
    for name, one in deployments.items():
        assert _picked(one["spec"]["selector"]) == {name}
    for box in BOXES.values():
        for source in box.mounts.values():
            assert not source.startswith("claim:") or source.removeprefix("claim:") in claims
    for name in ("exports", "checkpoints"):
        assert claims[name]["spec"]["accessModes"] == ["ReadWriteMany"]
    for name, one in named(FOUND, "PodDisruptionBudget").items():
        assert _picked(one["spec"]["selector"]) == {name}
    assert set(named(FOUND, "PodDisruptionBudget")) == set(deployments) - {"beat"}
    assert (deployments["beat"]["spec"]["replicas"], deployments["beat"]["spec"]["strategy"]) == (
        1,
        {"type": "Recreate"},
    )
    assert deployments["sequencer"]["spec"]["replicas"] == 2
    assert _picked({"matchLabels": named(FOUND, "Service")["web"]["spec"]["selector"]}) == {"web"}
    scaled = named(FOUND, "HorizontalPodAutoscaler")["web"]["spec"]["scaleTargetRef"]["name"]
    assert "replicas" not in deployments[scaled]["spec"], "two would say how many"
    backend = named(EXAMPLE, "Ingress")["web"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend["name"] in named(FOUND, "Service")


def test_the_processes_and_their_commands_are_those_of_the_documents():
    documented = documented_commands()
    assert {box.process for box in BOXES.values()} == SERVES | {"prepare", "keys"}
    for box in BOXES.values():
        if box.process != "keys":
            said = (
                " ".join(box.command)
                .replace("/var/lib/galaxy/beat-schedule", "FILE")
                .replace("python manage", "manage")
            )
            wanted = documented[box.process]
            assert said == wanted or (box.process == "sandboxd" and said.endswith(f"exec {wanted}")), box.name


def test_probes_ask_what_the_documents_say():
    web = pods(FOUND)["web"]["spec"]["containers"][0]
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz" and "httpGet" not in web["livenessProbe"]
    host = web["readinessProbe"]["httpGet"]["httpHeaders"][0]["value"]
    for folder in (FOUND, [yaml.safe_load((FOLDER / "example" / "config.yaml").read_text())]):
        assert host in named(folder, "ConfigMap")["galaxy"]["data"]["ALLOWED_HOSTS"].replace(" ", "").split(",")
    for name, pod in pods(FOUND).items():
        for one in containers(pod):
            if one["name"] in SERVES - {"web"}:
                said = f"find /var/lib/galaxy/alive/{one['name']} -mmin -1 | grep -q ."
                assert one["livenessProbe"]["exec"]["command"] == ["sh", "-c", said], f"{name}/{one['name']}"
                assert "/var/lib/galaxy" in BOXES[f"{name}/{one['name']}"].mounts


@pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl")
def test_the_overlay_is_what_kustomize_takes():
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / "example")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    assert {one["metadata"].get("namespace", "galaxy") for one in made} == {"galaxy"}
    images = {one["image"] for pod in pods(made).values() for one in containers(pod)}
    assert images == {"registry.example.com/galaxy:2026.11"}
    shared = named(made, "ConfigMap")["galaxy"]["data"]
    assert shared["ALLOWED_HOSTS"].startswith("console.example.org") and shared["BEHIND_PROXY"] == "true"


def test_files_read_well_to_yamllint():
    folder = FOLDER.parent
    command = [Path(sys.executable).parent / "yamllint", "--strict", "-c", folder / ".yamllint", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_faulty_container_is_named_with_its_pod():
    assert faults(replace(BOXES["web/web"], user="0")) == ["web/web: runs as root, or as whoever the image says"]
    assert cluster.named(FOUND, "Job").keys() == {"prepare"}
