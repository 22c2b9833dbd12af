"""Every package is locked by hashes, bears a licence that may come along, and stands in the bill of materials."""

import json

import pytest

from proof.supply.licences import STATED, is_allowed, licence_of, not_allowed
from proof.supply.locked import SERVER, Locked, NotLocked, locks, read_lock
from proof.supply.sbom import bill_of, problem_of


@pytest.fixture(scope="module")
def bill():
    return bill_of(SERVER)


@pytest.mark.asvs("15.2.4")
@pytest.mark.parametrize("path", locks(), ids=lambda path: path.stem)
def test_every_line_of_a_lock_is_one_version_with_its_hashes(path):
    packages = read_lock(path)
    assert packages
    assert all(package.hashes for package in packages)


@pytest.mark.parametrize("line", ["six", "six>=1", "six==1.17.0", "six==1.17.0 --hash=md5:0", "-e .", "git+https://x"])
def test_a_line_that_names_anything_else_is_refused(tmp_path, line):
    lock = tmp_path / "lock.txt"
    lock.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(NotLocked, match=r"lock\.txt"):
        read_lock(lock)


@pytest.mark.asvs("15.1.2")
def test_the_bill_covers_the_lock_of_the_server_with_hashes_and_licences(bill):
    listed = {(one["name"], one["version"]): one for one in json.loads(bill)["components"]}
    packages = read_lock(SERVER)
    assert set(listed) == {(package.name, package.version) for package in packages}
    for package in packages:
        one = listed[package.name, package.version]
        hashes = [entry["content"] for entry in one["externalReferences"][0]["hashes"]]
        assert set(hashes) == set(package.hashes)
        assert one["licenses"][0]["expression"] == licence_of(package)
        assert one["purl"] == f"pkg:pypi/{package.name}@{package.version}"


def test_the_bill_says_who_needs_whom(bill):
    needs = {one["ref"].partition("@")[0]: one.get("dependsOn", []) for one in json.loads(bill)["dependencies"]}
    assert any(ref.startswith("pkg:pypi/sqlparse@") for ref in needs["pkg:pypi/django"])
    assert any(ref.startswith("pkg:pypi/django-guardian@") for ref in needs["galaxy"])


def test_the_same_lock_gives_the_same_bytes(bill):
    assert bill_of(SERVER) == bill


def test_a_bill_is_valid_and_what_is_none_is_told(tmp_path):
    """Of a few packages: ``make sbom`` checks the whole one, which takes CycloneDX's validator seven seconds."""
    few = tmp_path / "few.txt"
    few.write_text(
        "\n".join(SERVER.read_text(encoding="utf-8").split("\n")[:200]).rpartition(" \\")[0], encoding="utf-8"
    )
    text = bill_of(few)
    assert problem_of(text) == ""
    content = json.loads(text)
    content["components"][0]["type"] = "spell"
    assert "spell" in problem_of(json.dumps(content))


def test_all_that_the_server_comes_with_may_come_along():
    assert not_allowed(read_lock(SERVER)) == []


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("MIT AND AGPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("", False),
    ],
)
def test_a_choice_needs_one_that_is_allowed_and_a_sum_needs_all(expression, allowed):
    assert is_allowed(expression) is allowed


def test_a_package_that_nobody_knows_a_licence_of_is_told():
    assert "nothing says" in not_allowed([Locked("no-such-package-here", "1", "", ("0" * 64,))])[0]


def test_nothing_is_stated_of_a_package_that_is_gone():
    assert set(STATED) <= {package.name for package in read_lock(SERVER)}
