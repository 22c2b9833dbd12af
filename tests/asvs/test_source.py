"""What our own code never does, read from all of it. Each rule is shown to notice what it forbids."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.asvs.marks import ROOT

FOLDERS = ("galaxy", "registry", "policies", "sandbox", "marketplace")
GUEST = "sandbox/guest/"  # runs inside WebAssembly, for creators
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PATTERN_MAKERS = {"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
Rule = Callable[[ast.AST], bool]
KINDS = (ast.Call, ast.Attribute, ast.Name, ast.Compare, ast.Import, ast.ImportFrom)


@cache
def trees() -> dict[str, ast.Module]:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts]
    names = {path.relative_to(ROOT).as_posix(): path for path in paths}
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in names.items()}


def looked_at(tree: ast.Module) -> list[ast.AST]:
    """The kinds of nodes that rules tell apart. A rule about another one notices nothing, not even its own example."""
    return [node for node in ast.walk(tree) if isinstance(node, KINDS)]


@cache
def nodes() -> dict[str, list[ast.AST]]:
    """Found once for a dozen rules."""
    return {name: looked_at(tree) for name, tree in trees().items()}


@cache
def _calls(node: ast.AST) -> tuple[str, str]:
    """The whole name that is called, and its last part; two empty ones for what is no call of a name."""
    if not isinstance(node, ast.Call):
        return "", ""
    name = ast.unparse(node.func)
    return name, name.rpartition(".")[2]


def _is_made_of_parts(node: ast.expr) -> bool:
    """A text in which something other than a name in capitals, or a call on one, is put in."""
    if isinstance(node, ast.JoinedStr):
        parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        return any(not re.fullmatch(r"[A-Z_]+", ast.unparse(part)) for part in parts)
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mod | ast.Add):
        return False
    return not all(isinstance(one, ast.Constant) or ast.unparse(one).isupper() for one in (node.left, node.right))


def sql_of_parts(node: ast.AST) -> bool:
    _, last = _calls(node)
    is_sql = last in {"execute", "executemany", "raw", "RawSQL"}
    return is_sql and bool(node.args) and _is_made_of_parts(node.args[0])  # type: ignore[attr-defined]


def by_shell(node: ast.AST) -> bool:
    name, last = _calls(node)
    if name in {"os.system", "os.popen"} or last in {"getoutput", "getstatusoutput"}:
        return True
    is_program = name.startswith("subprocess.") and last in {"run", "Popen", "call", "check_call", "check_output"}
    if not is_program:
        return False
    has_shell = any(word.arg == "shell" for word in node.keywords)  # type: ignore[attr-defined]
    return has_shell or isinstance(node.args[0], ast.Constant | ast.JoinedStr)  # type: ignore[attr-defined]


def pattern_of_parts(node: ast.AST) -> bool:
    name, last = _calls(node)
    if not name.startswith("re.") or last not in PATTERN_MAKERS or not node.args:  # type: ignore[attr-defined]
        return False
    given = node.args[0]  # type: ignore[attr-defined]
    if not isinstance(given, ast.JoinedStr):
        return False
    parts = [ast.unparse(part.value) for part in given.values if isinstance(part, ast.FormattedValue)]
    return any(not re.match(r"_?[A-Z_]+$|re\.escape\(|'\|'\.join\([A-Z_]+\)$|words$", part) for part in parts)


def format_from_outside(node: ast.AST) -> bool:
    """``format`` on what a request, a row or a form holds: the text would choose what it shows."""
    name, last = _calls(node)
    return last == "format" and bool(re.match(r"(request|form|data|self\.(data|request|body)|row|manifest)\b", name))


def weak_hash(node: ast.AST) -> bool:
    found = isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"hashlib", "hashes"}
    return found and node.attr.lower() in {"md5", "sha1", "md4", "new"}  # type: ignore[attr-defined]


def weak_cipher(node: ast.AST) -> bool:
    names = {"ECB", "CBC", "PKCS1v15", "ARC4", "TripleDES", "Blowfish", "DES", "CTR"}
    return (
        isinstance(node, ast.Attribute | ast.Name) and (getattr(node, "attr", "") or getattr(node, "id", "")) in names
    )


def unsafe_yaml_or_pickle(node: ast.AST) -> bool:
    name, last = _calls(node)
    loads = {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "pickle.loads", "pickle.load", "marshal.loads"}
    return name in loads or last == "literal_eval_unsafe"


def template_of_text(node: ast.AST) -> bool:
    return _calls(node)[1] in {"from_string", "Template"}


def guessable_randomness(node: ast.AST) -> bool:
    """``random`` for anything but how long to wait, and what is made up."""
    name, last = _calls(node)
    return name.startswith("random.") and last not in {"uniform", "Random", "seed", "shuffle"}


def compares_secrets(node: ast.AST) -> bool:
    """``==`` between what is named a signature, a digest of a token, or a MAC."""
    if not isinstance(node, ast.Compare) or not any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
        return False
    sides = [ast.unparse(one) for one in [node.left, *node.comparators]]
    return any(re.search(r"\b(mac|hmac_of|expected_signature|signature_of)\b", side) for side in sides)


RULES: list[tuple[Rule, str, set[str]]] = [
    # the rule, what it forbids, and where it is meant: what is put in there is a name of ours, never a value
    (
        sql_of_parts,
        'cursor.execute(f"SELECT {name}")',
        {
            "galaxy/core/audit/__init__.py", "galaxy/core/audit/epochs.py", "galaxy/core/db/operations.py",
            "galaxy/core/db/partitions.py", "galaxy/core/db/grants.py",
        },
    ),
    (by_shell, 'subprocess.run(f"ls {name}", shell=True)', set()),
    (pattern_of_parts, 're.compile(f"^{name}$")', {"marketplace/checks/secrets.py"}),  # a table of ours
    (format_from_outside, "form.cleaned_data['text'].format(user=user)", set()),
    (weak_hash, "hashlib.md5(data)", set()),
    (weak_cipher, "modes.ECB()", set()),
    (unsafe_yaml_or_pickle, "yaml.load(text)", {"marketplace/catalogue.py"}),  # CBaseLoader: texts only
    (template_of_text, "Template(manifest.text)", {"galaxy/core/audit/packs/making.py"}),  # a file of ours
    (guessable_randomness, "random.choice(letters)", set()),
    (compares_secrets, "mac == given", set()),
]  # fmt: skip


def found(rule: Rule) -> Iterator[str]:
    for name, own in nodes().items():
        if not name.startswith(GUEST):
            yield from (f"{name}:{node.lineno}" for node in own if rule(node))  # type: ignore[attr-defined]


def _check(rule: Rule, example: str, meant: set[str]) -> None:
    assert any(rule(node) for node in looked_at(ast.parse(example))), "the rule notices nothing"
    assert [place for place in found(rule) if place.partition(":")[0] not in meant] == []


def of(rule: Rule) -> tuple[Rule, str, set[str]]:
    return next(one for one in RULES if one[0] is rule)


@pytest.mark.asvs("1.2.4")
def test_no_statement_is_made_of_values():
    _check(*of(sql_of_parts))


@pytest.mark.asvs("1.2.5")
def test_no_program_is_started_by_a_shell():
    _check(*of(by_shell))


@pytest.mark.asvs("1.2.9")
def test_no_pattern_is_made_of_unescaped_text():
    _check(*of(pattern_of_parts))


@pytest.mark.asvs("1.3.10")
def test_no_format_string_comes_from_outside():
    _check(*of(format_from_outside))


@pytest.mark.asvs("11.4.1", "11.4.3")
def test_no_hash_is_weak():
    _check(*of(weak_hash))


@pytest.mark.asvs("11.3.1", "11.3.2", "11.3.5")
def test_no_cipher_is_weak_or_unauthenticated():
    _check(*of(weak_cipher))


@pytest.mark.asvs("1.5.2")
def test_nothing_is_read_as_objects():
    _check(*of(unsafe_yaml_or_pickle))


@pytest.mark.asvs("1.3.7")
def test_no_template_is_made_of_text():
    _check(*of(template_of_text))


@pytest.mark.asvs("11.5.1", "6.5.3")
def test_what_is_not_to_be_guessed_comes_from_the_system():
    _check(*of(guessable_randomness))


@pytest.mark.asvs("11.2.4")
def test_signatures_are_compared_in_constant_time():
    _check(*of(compares_secrets))
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "sandbox" / "triggers").glob("*.py"))
    assert "compare_digest" in text


@pytest.mark.asvs("1.4.1")
def test_memory_is_handled_by_hand_in_the_seal_of_the_sandbox_alone():
    """Everything else is Python; nothing of ours is written in C."""
    using = {name for name, own in nodes().items() for node in own if _imports(node, "ctypes")}
    assert using == {f"sandbox/pool/{name}.py" for name in ("seccomp", "prove", "engine", "seal")}
    own = {path.suffix for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    assert own & {".c", ".cc", ".cpp", ".h", ".rs", ".pyx"} == set()


def _imports(node: ast.AST, module: str) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == module
    return isinstance(node, ast.Import) and any(alias.name == module for alias in node.names)


def scripts() -> dict[str, str]:
    return {path.name: re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8")) for path in SCRIPTS}


@pytest.mark.asvs("3.2.2")
def test_scripts_put_text_in_as_text():
    wrong = re.compile(r"\.(innerHTML|outerHTML)\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function")
    assert wrong.search("box.innerHTML = name")
    assert {name for name, text in scripts().items() if wrong.search(text)} == set()


@pytest.mark.asvs("3.2.3")
def test_scripts_keep_their_names_to_themselves():
    """Modules, which share no globals; nothing is read off ``window`` or ``document`` by a name that a page gives."""
    tags = re.findall(r"<script[^>]*>", "\n".join(path.read_text(encoding="utf-8") for path in TEMPLATES))
    own = [tag for tag in tags if "js/" in tag]
    assert own and [tag for tag in own if 'type="module"' not in tag and "htmx" not in tag] == []
    wrong = re.compile(r"\b(window|document)\[|\bvar\s|\bwindow\.\w+\s*=[^=]")
    assert wrong.search("window[name]")
    assert {name for name, text in scripts().items() if wrong.search(text)} == set()


@pytest.mark.asvs("15.3.6")
def test_scripts_set_no_property_by_a_name_from_a_page():
    """Where a name is computed it is one of ``dataset``, which is a map of texts without prototype tricks."""
    computed = re.compile(r"(\S+)\[[A-Za-z_.]+\]\s*=[^=]")
    assert computed.search("object[name] = value")
    places = [match[1] for text in scripts().values() for match in computed.finditer(text)]
    assert [place for place in places if not place.endswith(".dataset")] == []
    assert {name for name, text in scripts().items() if "__proto__" in text or "prototype" in text} == set()


@pytest.mark.asvs("3.5.5")
def test_scripts_hear_no_other_window():
    assert {
        name for name, text in scripts().items() if re.search(r"window\.(on|addEventListener\(.)message", text)
    } == set()


@pytest.mark.asvs("14.3.3")
def test_browsers_are_given_nothing_to_keep_but_how_the_queue_was_left():
    kept = re.compile(r"(localStorage|indexedDB|document\.cookie|sessionStorage\.setItem\((\w+))")
    found = {(name, match[2]) for name, text in scripts().items() for match in kept.finditer(text)}
    assert found == {("queue.js", "COMING_BACK")}


@pytest.mark.asvs("3.6.1", "14.2.3", "3.7.1")
def test_pages_load_nothing_from_elsewhere_and_nothing_dead():
    outside = re.compile(r"<(?:script|link|img|iframe|source|video|audio)[^>]+(?:src|href)=\"(?:https?:)?//")
    dead = re.compile(r"<(applet|embed|object|marquee|bgsound)\b")
    assert outside.search('<script src="https://cdn.example/x.js">') and dead.search("<embed src=x>")
    texts = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES}
    assert {name for name, text in texts.items() if outside.search(text) or dead.search(text)} == set()
    sheets = (ROOT / "static" / "css").rglob("*.css")
    assert {path.name for path in sheets if re.search(r"url\(\W?https?:", path.read_text(encoding="utf-8"))} == set()


@pytest.mark.asvs("6.4.2")
def test_nobody_is_asked_a_secret_question():
    words = re.compile(r"secret question|security question|maiden name|first pet|password hint", re.IGNORECASE)
    texts = [*TEMPLATES, *(path for folder in FOLDERS for path in (ROOT / folder).rglob("forms.py"))]
    assert {str(path) for path in texts if words.search(path.read_text(encoding="utf-8"))} == set()


@pytest.mark.asvs("13.4.7", "13.4.1")
def test_what_is_served_as_files_is_made_for_it():
    files = [path.relative_to(ROOT) for path in (ROOT / "static").rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert kinds <= {".css", ".js", ".svg", ".woff2", ".json", ".webmanifest", ".ico", ".png", ".txt"}
    assert not any(
        part.startswith(".") for path in (ROOT / "static").rglob("*") for part in path.relative_to(ROOT).parts
    )


def test_the_folders_are_those_there_are():
    apps = {path.parent.name for path in Path(ROOT).glob("*/apps.py")} | {"galaxy"}
    assert apps <= set(FOLDERS) and len(trees()) > 300
