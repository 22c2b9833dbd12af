"""Imports point down: core < registry < policies < sandbox < marketplace, and only the shell names every app."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ["galaxy.core", "registry", "policies", "sandbox", "marketplace"]
MODULES = sorted(
    path
    for folder in ("galaxy/core", "registry", "policies", "sandbox", "marketplace")
    for path in (ROOT / folder).rglob("*.py")
)


def floor_of(module: str) -> int | None:
    for number, floor in enumerate(FLOORS):
        if module == floor or module.startswith(f"{floor}."):
            return number
    return None


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def read(path: Path) -> tuple[frozenset[str], dict[str, int], frozenset[str]]:
    """(every module that is imported anywhere in the file, inside functions too; the line of a call by the name that
    is called; the modules imported along with the file). To read a file is all that these tests take, so each is read
    once."""
    imports, calls, at_once = set(), {}, set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found = {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        else:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                calls[node.func.id] = node.lineno
            continue
        imports |= found
        at_once |= found if node in tree.body else set()
    return frozenset(imports), calls, frozenset(at_once)


def imports_of(path: Path) -> frozenset[str]:
    return read(path)[0]


def test_every_floor_is_looked_at():
    assert len(MODULES) > 100
    assert {floor_of(name_of(path)) for path in MODULES} == set(range(len(FLOORS)))


# Of more than a thousand modules, each test tells every one that breaks its rule: {module: what it imports}.


def test_imports_point_down():
    above = {}
    for path in MODULES:
        own = floor_of(name_of(path))
        above[name_of(path)] = {module for module in imports_of(path) if (floor_of(module) or 0) > own}
    assert {name: found for name, found in above.items() if found} == {}


def test_no_process_reads_another_validator_as_it_starts():
    """openapi_spec_validator brings jsonschema, and that compiles a grammar where one is installed: seconds of each
    start, in a Galaxy whose recovery is mostly Python starting."""
    late = {"openapi_spec_validator", "jsonschema"}
    found = {name_of(path): late & {name.partition(".")[0] for name in read(path)[2]} for path in MODULES}
    assert {name: modules for name, modules in found.items() if modules} == {}


def test_of_the_shell_only_core_is_imported():
    shell = {}
    for path in MODULES:
        if "galaxy/core" not in str(path):
            found = {module for module in imports_of(path) if module.startswith("galaxy") and floor_of(module) != 0}
            shell[name_of(path)] = found - {"galaxy"}
    assert len(shell) > 100
    assert {name: found for name, found in shell.items() if found} == {}


def test_what_looks_at_galaxy_is_no_part_of_it():
    """A proof may start and import Galaxy; what is proved knows nothing of it, nor of tests and measurements."""
    outside = {"proof", "bench", "tests"}
    found = {name_of(path): {one for one in imports_of(path) if one.partition(".")[0] in outside} for path in MODULES}
    assert {name: modules for name, modules in found.items() if modules} == {}


def test_proofs_stand_without_tests():
    paths = sorted((ROOT / "proof").rglob("*.py"))
    assert len(paths) > 3
    assert not {
        module for path in paths for module in imports_of(path) if module.partition(".")[0] in {"tests", "bench"}
    }


@pytest.mark.parametrize("package", ["registry/manifests", "sandbox/transforms", "sandbox/pool", "sandbox/guest"])
def test_readers_and_transforms_need_no_framework(package):
    for path in (ROOT / package).rglob("*.py"):
        assert not {module for module in imports_of(path) if module.startswith(("django", "celery", "galaxy"))}, path


@pytest.mark.asvs("1.3.2", "1.5.2")
def test_nothing_evaluates_text_as_code():
    """ASVS 1.3.2: no eval, exec, pickle, unsafe YAML or shell on the web tier."""
    banned = {"eval", "exec", "compile"}
    for path in MODULES:
        if path.is_relative_to(ROOT / "sandbox" / "guest"):
            continue  # runs inside WebAssembly, and evaluating a creator's text is what it is for
        called = read(path)[1]
        assert not banned & set(called), f"{path}:{[called[name] for name in banned & set(called)]}"
        assert not imports_of(path) & {"pickle", "marshal", "shelve", "os.system"}, path
