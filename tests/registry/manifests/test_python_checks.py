"""What the code of an action says that its run would be refused for, found without running any of it."""

import re
from pathlib import Path

import pytest

from registry.manifests import read
from registry.manifests.python_modules import MODULES

HEAD = '# api: v1\n# perms: [drive.read]\n# egress: ["https://www.googleapis.com"]\n'


def findings(code, head=HEAD):
    return [(item.code, item.line, item.severity) for item in read(head + code, filename="a.py").findings]


RUN = "def run(inputs, ctx):\n    return {}\n"


def test_the_first_document_has_nothing_to_say():
    address = "f\"https://www.googleapis.com/drive/{inputs['id']}\""
    assert findings(f"def run(inputs, ctx):\n    r = ctx.http.get({address})\n    return {{}}\n") == []


@pytest.mark.parametrize(
    "line",
    ["import socket", "import os, json", "from subprocess import run as go", "import ctypes.util", "from . import x"],
)
def test_a_module_that_a_run_lacks_is_an_error_with_its_line(line):
    assert findings(f"import json\n{line}\n{RUN}") == [("python-import", 5, "error")]


def test_an_import_deep_inside_is_found_too():
    assert findings("def run(inputs, ctx):\n    if inputs:\n        import socket\n    return {}\n") == [
        ("python-import", 6, "error")
    ]


@pytest.mark.parametrize("line", ["import json", "from collections.abc import Mapping", "import xml.etree.ElementTree"])
def test_listed_modules_pass(line):
    assert findings(f"{line}\n{RUN}") == []


def test_the_document_that_a_finding_names_has_the_list():
    text = (Path(__file__).resolve().parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"^((?:`[\w.]+`,?\s)+)$", text, re.MULTILINE)
    assert tuple(re.findall(r"[\w.]+", told)) == MODULES


def test_an_import_that_may_fail_is_the_creators_business():
    assert findings(f"try:\n    import orjson as json\nexcept ImportError:\n    import json\n{RUN}") == []
    assert findings(f"try:\n    import orjson as json\nexcept ValueError:\n    import json\n{RUN}") == [
        ("python-import", 5, "error")
    ]


@pytest.mark.parametrize(
    "address",
    [
        '"https://evil.example/"',
        'f"https://evil.example/{inputs}"',
        '"http://www.googleapis.com/"',
        '"https://www.googleapis.com.evil.example"',
        '"https://www.googleapis.com@evil.example/"',
        '"HTTPS://evil.example"',
    ],
)
def test_an_address_that_egress_does_not_name_is_a_warning(address):
    code = f"def run(inputs, ctx):\n    return ctx.http.get({address}).json()\n"
    assert findings(code) == [("python-host", 5, "warning")]


@pytest.mark.parametrize(
    "address", ['"https://WWW.googleapis.com/x"', 'f"https://{inputs}/x"', '"https://"', '"see http"']
)
def test_other_texts_say_nothing(address):
    assert findings(f"def run(inputs, ctx):\n    return {{'a': {address}}}\n") == []


def test_a_host_below_a_declared_suffix_passes():
    head = "# api: v1\n# perms: [crm.read]\n# egress: [{ host: '{connection.host}', suffix: my.salesforce.com }]\n"
    code = "def run(inputs, ctx):\n    return ctx.http.get('https://{}/x').json()\n"
    assert findings(code.format("acme.my.salesforce.com"), head) == []
    assert findings(code.format("evil.example"), head) == [("python-host", 5, "warning")]


def test_nothing_of_the_code_is_run(tmp_path):
    mark = tmp_path / "ran"
    bomb = f"open({str(mark)!r}, 'w')"
    read(f"{HEAD}@({bomb})\ndef run(inputs=({bomb}), ctx: ({bomb}) = 1):\n    f'{{{bomb}}}'\n", filename="a.py")
    assert not mark.exists()
