"""A bundle comes back as it was written, and a hostile one is refused before anything of it is used."""

import hashlib
import io
import json
import stat
import zipfile
import zlib

import pytest

from galaxy.core import jcs
from marketplace.bundles.layout import MAX_BYTES, Bundle, Key, Packed, Signed
from marketplace.bundles.reading import BadBundle, read_bundle
from marketplace.bundles.writing import write_bundle
from registry.manifests import read, version_digest
from registry.services.publishing import MAX_FILE_BYTES
from tests.extensions import PROBE

FILES = {"docs.md": b"# Probe\n", "fixtures/one.json": b"{}"}


def packed(files=FILES, text=PROBE) -> Packed:
    manifest = read(text).manifest
    digest = version_digest(manifest, files)
    statement = jcs.dumps({"digest": digest, "files": {path: sha(content) for path, content in files.items()}}).decode()
    signed = (Signed("marketplace", "ab" * 6, statement, b"s" * 64),)
    return Packed(manifest, files, digest, "Orbit Works", "verified", "First.", signed)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def whole() -> bytes:
    return write_bundle(
        Bundle((packed(),), (Key("ab" * 6, "marketplace", "Galaxy", b"k" * 32, "note", revoked=False),))
    )


def entries() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(whole())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(content: dict, *, mode: int = stat.S_IFREG | 0o644, last: str | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (mode if last in (None, name) else stat.S_IFREG) << 16
            archive.writestr(info, data)
    return stream.getvalue()


def changed_index(**changes) -> bytes:
    content = entries()
    index = json.loads(content["bundle.json"])
    index["versions"][0] |= changes
    return zipped(content | {"bundle.json": json.dumps(index).encode()})


def test_a_bundle_comes_back_as_it_was_written():
    bundle = read_bundle(whole())
    assert bundle.wanted == packed()
    assert bundle.keys[0].public == b"k" * 32


def test_the_same_content_gives_the_same_bytes():
    assert whole() == whole()


@pytest.mark.asvs("5.3.3")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../etc/passwd", "leads out"),
        ("/etc/passwd", "leads out"),
        ("C:/windows/x", "leads out"),
        ("files\\x", "not plain"),
        ("files/\u202etxt", "not plain"),
        ("folder/", "not a file"),
        ("readme.txt", "belongs to nothing"),
        ("files/" + "d/" * 42 + "x", "belongs to nothing"),
    ],
)
def test_an_entry_under_another_name_is_refused(name, why):
    with pytest.raises(BadBundle, match=why):
        read_bundle(zipped(entries() | {name: b"x"}))


@pytest.mark.asvs("5.3.2", "5.3.3")
def test_a_path_in_the_index_that_leads_out_is_refused():
    with pytest.raises(BadBundle, match="plain relative path"):
        read_bundle(changed_index(files=["../docs.md"]))


@pytest.mark.asvs("5.2.5")
@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_a_link_or_device_is_refused(kind):
    with pytest.raises(BadBundle, match=r"is a link|is not a file"):
        read_bundle(zipped(entries(), mode=kind | 0o777, last="bundle.json"))


def test_an_entry_that_stands_twice_is_refused():
    stream = io.BytesIO(whole())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("bundle.json", b"{}")
    with pytest.raises(BadBundle, match="stands twice"):
        read_bundle(stream.getvalue())


def test_an_encrypted_entry_is_refused():
    content = bytearray(whole())
    at = content.find(b"PK\x01\x02")
    content[at + 8] |= 1
    with pytest.raises(BadBundle, match="is encrypted"):
        read_bundle(bytes(content))


@pytest.mark.asvs("5.2.3")
def test_a_bomb_is_read_no_further_than_its_entry_may_be():
    content = entries()
    path = next(name for name in content if name.endswith("docs.md"))
    bomb = zipped(content | {path: bytes(200 * 1024 * 1024)})
    assert len(bomb) < MAX_BYTES
    with pytest.raises(BadBundle, match=f"larger than {MAX_FILE_BYTES // 1024} KB"):
        read_bundle(bomb)


@pytest.mark.asvs("5.2.3")
def test_an_entry_that_lies_about_its_size_is_refused():
    content = bytearray(zipped(entries()))
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (1).to_bytes(4, "little")
    with pytest.raises(BadBundle, match=r"one\.json was changed|cannot be read"):
        read_bundle(bytes(content))


def test_archives_in_archives_are_bytes_and_never_opened():
    inner = b"x"
    for _ in range(42):
        inner = zipped({"inner.zip": inner})
    files = FILES | {"samples/nested.zip": inner}
    assert read_bundle(write_bundle(Bundle((packed(files),)))).wanted.files == files


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000])
def test_an_index_nested_without_end_is_refused(deep):
    with pytest.raises(BadBundle, match=r"bundle\.json"):
        read_bundle(zipped(entries() | {"bundle.json": deep}))


def test_a_manifest_nested_42_levels_is_refused():
    content = entries()
    name = next(name for name in content if name.startswith("manifests/"))
    manifest = json.loads(content[name])
    deep: object = 1
    for _ in range(42):
        deep = {"properties": deep}
    manifest["actions"][0]["inputs"] = deep
    with pytest.raises(BadBundle):
        read_bundle(zipped(content | {name: jcs.dumps(manifest)}))


def test_one_flipped_byte_is_named_with_its_file():
    content = entries()
    name = next(name for name in content if name.endswith("docs.md"))
    flipped = bytes([content[name][0] ^ 1]) + content[name][1:]
    with pytest.raises(BadBundle, match=r"docs\.md was changed"):
        read_bundle(zipped(content | {name: flipped}))


def test_a_flipped_manifest_is_named():
    content = entries()
    name = next(name for name in content if name.startswith("manifests/"))
    other = json.loads(content[name]) | {"summary": "Another."}
    with pytest.raises(BadBundle, match="its manifest was changed"):
        read_bundle(zipped(content | {name: jcs.dumps(other)}))


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "0" * 64},
        {"number": "9.9.9"},
        {"extension": "other"},
        {"level": "gold"},
        {"files": []},
        {"signatures": [{"role": "friend", "key": "ab" * 6, "statement": "x", "signature": "eA=="}]},
        {"signatures": [{"role": "publisher", "key": "ab" * 6, "statement": "x", "signature": "eA="}]},
        {"changes": "x" * 10_001},
        {"more": 1},
    ],
)
def test_an_index_that_says_otherwise_is_refused(change):
    with pytest.raises(BadBundle):
        read_bundle(changed_index(**change))


@pytest.mark.asvs("5.2.2")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"PK\x05\x06" + bytes(18),
        zlib.compress(b"x" * 999),
        b"x" * (MAX_BYTES + 1),
        b'{"type": "galaxy.bundle/1"}',
    ],
)
def test_what_is_no_archive_is_refused(content):
    with pytest.raises(BadBundle):
        read_bundle(content)


def test_a_manifest_in_another_form_is_refused():
    content = entries()
    name = next(name for name in content if name.startswith("manifests/"))
    with pytest.raises(BadBundle, match="canonical form"):
        read_bundle(zipped(content | {name: b" " + content[name]}))


@pytest.mark.asvs("5.2.2")
def test_every_truncation_and_every_flipped_byte_is_refused_or_means_the_same():
    """A flip in what ZIP itself ignores (a date) may pass, and then nothing else comes of it."""
    good = whole()
    expected = read_bundle(good)
    for at in range(0, len(good), 7):
        for content in (good[:at], good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :]):
            try:
                found = read_bundle(content)
            except BadBundle:
                continue
            assert found.wanted.digest == expected.wanted.digest
            assert found.wanted.files == expected.wanted.files
