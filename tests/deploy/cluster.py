"""deploy/kubernetes/base as the cluster gets it, and its containers as the rules see them."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.deploy.boxes import ROOT, Box

FOLDER = ROOT / "deploy" / "kubernetes"
WAY_OUT = "galaxy/way-out"
Document = dict[str, Any]


def documents(folder: str = "base") -> list[Document]:
    names = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text())["resources"]
    found = []
    for name in names:
        if not name.startswith(".."):
            found += [one for one in yaml.safe_load_all((FOLDER / folder / name).read_text()) if one]
    return found


def named(found: list[Document], kind: str) -> dict[str, Document]:
    return {one["metadata"]["name"]: one for one in found if one["kind"] == kind}


def pods(found: list[Document]) -> dict[str, Document]:
    """name of what makes them -> template of the pod."""
    makers = [one for one in found if one["kind"] in ("Deployment", "Job", "StatefulSet", "DaemonSet")]
    return {one["metadata"]["name"]: one["spec"]["template"] for one in makers}


def containers(pod: Document) -> list[Document]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def boxes(found: list[Document]) -> Iterator[Box]:
    shared = named(found, "ConfigMap")["galaxy"]["data"]
    for maker, pod in pods(found).items():
        volumes = {one["name"]: _source(one) for one in pod["spec"].get("volumes", [])}
        for one in containers(pod):
            yield _box(maker, pod, one, volumes, shared)


def _box(maker: str, pod: Document, one: Document, volumes: dict[str, str], shared: dict[str, str]) -> Box:
    whole, own = pod["spec"].get("securityContext", {}), one.get("securityContext", {})
    context = whole | own
    is_safe = not own.get("privileged") and not own.get("capabilities", {}).get("add")
    is_nobody = context.get("runAsNonRoot") and context.get("seccompProfile", {}).get("type") == "RuntimeDefault"
    places = {one["mountPath"]: volumes[one["name"]] for one in one.get("volumeMounts", [])}
    given = shared if any(ref.get("configMapRef") for ref in one.get("envFrom", [])) else {}
    return Box(
        name=f"{maker}/{one['name']}",
        process=one["name"],
        image=one["image"],
        command=one.get("command", []) + one.get("args", []),
        is_ours=True,
        user=str(context.get("runAsUser", "")) if is_nobody else "",
        read_only_root=own.get("readOnlyRootFilesystem") is True,
        drops=own.get("capabilities", {}).get("drop", []) if is_safe else [],
        gains_nothing=own.get("allowPrivilegeEscalation") is False,
        limits=set(one.get("resources", {}).get("limits", {})),
        is_probed="livenessProbe" in one and "startupProbe" in one,
        env=given | {each["name"]: str(each.get("value", "")) for each in one.get("env", [])},
        mounts=places,
        read_only_mounts={each["mountPath"] for each in one.get("volumeMounts", []) if each.get("readOnly")},
        # A policy is of a pod. What is asked here is for whom the pod is let out.
        networks={"outside"} if WAY_OUT in pod["metadata"]["labels"] and one["name"] == "sandboxd" else {"inside"},
    )


def _source(volume: Document) -> str:
    if "secret" in volume:
        return f"secret:{volume['secret']['secretName']}"
    if "persistentVolumeClaim" in volume:
        return f"claim:{volume['persistentVolumeClaim']['claimName']}"
    if "emptyDir" in volume:
        return f"{'memory' if volume['emptyDir'].get('medium') == 'Memory' else 'empty'}:{volume['name']}"
    return f"other:{volume['name']}"  # of the node, of the cluster: the rules know none of these
