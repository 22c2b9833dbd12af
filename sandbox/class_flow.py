"""How data classes follow values from step to step of a pack, so that a policy sees what a call really carries."""

from typing import Any

from registry.manifests import ActionSpec, Manifest
from registry.manifests.schemas import data_classes as declared_classes
from sandbox.transforms.classes import Classes, follow, read_paths


def of_inputs(manifest: Manifest) -> Classes:
    """What the pack's own inputs carry, as its expressions see them: ``("inputs", "lead", "name")``."""
    return _under(("inputs",), read_paths(dict(declared_classes(manifest.inputs, ""))))


def into_step(step: dict[str, Any], known: Classes) -> Classes:
    """What a step's inputs carry, by the expressions that make them: ``("text",): {"name"}``."""
    mapping = step.get("with", {})
    made = follow({"op": "map_fields", "args": mapping}, known)
    return {path: names for path, names in made.items() if path[0] in mapping}


def of_item(each: str, known: Classes) -> Classes:
    """What an item of a loop over ``each`` carries: what its list does of every entry."""
    made = follow({"op": "map_fields", "args": {"item": each}}, known)
    found: Classes = {}
    for path, names in made.items():
        if path[0] == "item":
            place = ("item", *path[2:]) if path[1:2] == ("*",) else ("item",)
            found[place] = found.get(place, frozenset()) | names
    return found


def out_of_step(
    step_id: str, manifest: Manifest, action: ActionSpec | None, carried: Classes, *, is_loop: bool = False
) -> Classes:
    """What a step's outputs carry: as declared, and for a transform also what its operations hand on."""
    place = ("steps", step_id, "*") if is_loop else ("steps", step_id)
    return _under(place, of_outputs(manifest, action, carried))


def of_outputs(manifest: Manifest, action: ActionSpec | None, carried: Classes) -> Classes:
    """What a call's outputs carry, where ``carried`` is what its inputs do beyond what is declared.

    What a transform written in Python makes of its input only its code knows, so everything that comes out carries
    whatever went in: too much rather than too little.
    """
    outputs = read_paths(dict(declared_classes((action or manifest).outputs, "")))
    if action is None and manifest.kind == "transform":
        within = joined(read_paths(dict(declared_classes(manifest.inputs, ""))), carried)
        if manifest.canonical.get("code_file") and within:
            within = {("*",): frozenset(names_in(within))}
        for operation in manifest.steps:
            within = follow(operation, within)
        properties = manifest.outputs.get("properties")
        outputs = joined(
            outputs, {path: names for path, names in within.items() if not properties or path[0] in {"*", *properties}}
        )
    return outputs


def names_in(classes: Classes) -> tuple[str, ...]:
    return tuple(sorted(frozenset().union(*classes.values())))


def _under(place: tuple[str, ...], classes: Classes) -> Classes:
    return {(*place, *path): names for path, names in classes.items()}


def as_json(classes: Classes) -> list[list[list[str]]]:
    """Pairs of path and names, for a payload."""
    return [[list(path), sorted(names)] for path, names in classes.items()]


def from_json(pairs: list[list[list[str]]]) -> Classes:
    return {tuple(path): frozenset(names) for path, names in pairs}


def joined(one: Classes, other: Classes) -> Classes:
    return {path: one.get(path, frozenset()) | other.get(path, frozenset()) for path in {*one, *other}}
