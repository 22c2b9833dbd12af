"""A bundle that somebody brings: BadBundle, or the very versions that its digests name. Nothing is written anywhere."""

import io
import stat
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from galaxy.core import jcs
from marketplace.bundles.layout import MAX_FILES, MAX_UNPACKED_BYTES, Bundle
from marketplace.bundles.reading import BadBundle, read_bundle
from marketplace.bundles.writing import write_bundle
from registry.manifests import version_digest
from tests.fuzz.edits import edited
from tests.fuzz.profile import examples, soon
from tests.marketplace.bundles.test_reading import FILES, entries, packed, whole

WHOLE = whole()
ENTRIES = entries()
NAMES = sorted(ENTRIES)
PIECES = [
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"\x00",
    b"\xff" * 4,
    b"\xff\xff",
    b"\x01",
    b"../",
    b"/",
]


def looked_at(content: bytes) -> Bundle | None:
    try:
        bundle = soon(read_bundle, content)
    except BadBundle as refused:
        assert refused.status == 422 and str(refused) and refused.next_step
        return None
    for one in bundle.versions:
        assert version_digest(one.manifest, one.files) == one.digest
        assert len(one.files) <= MAX_FILES
        assert not any(path.startswith("/") or ".." in path.split("/") or "\\" in path for path in one.files)
    assert sum(len(content) for one in bundle.versions for content in one.files.values()) <= MAX_UNPACKED_BYTES
    assert read_bundle(write_bundle(bundle)) == bundle
    return bundle


@examples(150)
@given(edited([WHOLE], PIECES, 4))
def test_a_damaged_archive_is_refused_or_means_the_same(content):
    found = looked_at(content)
    if found is not None:
        assert (found.wanted.digest, found.wanted.files) == (packed().digest, FILES)


ODD_NAMES = [
    "../x", "/x", "C:x", "a\\b", "a/../../x", "./bundle.json", "bundle.json/", "BUNDLE.JSON", "files/x", "\u202e",
    "a\x00b", "bundle.json\x00", "files//x", "con", "manifests/.json",
]  # fmt: skip
MODES = [stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFDIR | 0o755, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK, 0]
CONTENTS = [b"", b"x", b"../../etc/passwd", b"{}", bytes(3_000_000), WHOLE]
PACKINGS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
CHANGE = st.tuples(
    st.sampled_from([*NAMES, *ODD_NAMES]), st.sampled_from(NAMES), st.sampled_from(CONTENTS),
    st.sampled_from(["add", "drop", "swap", "rename", "mode", "packing", "extra"]), st.sampled_from(MODES),
    st.sampled_from(PACKINGS),
)  # fmt: skip


def changed(changes) -> bytes:
    """The whole one with entries added, dropped, swapped, renamed, made links or packed otherwise."""
    content = dict(ENTRIES)
    modes, packings, extras = {}, {}, {}
    for name, other, data, kind, mode, packing in changes:
        match kind:
            case "add":
                content[name] = data
            case "drop":
                content.pop(other, None)
            case "swap" if name in content and other in content:
                content[name], content[other] = content[other], content[name]
            case "rename" if other in content:
                content[name] = content.pop(other)
            case "mode":
                modes[other] = mode
            case "packing":
                packings[other] = packing
            case "extra":
                extras[other] = b"\x01\x00\x08\x00" + b"\xff" * 8
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in content.items():
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = packings.get(name, zipfile.ZIP_DEFLATED)
            info.external_attr = modes.get(name, stat.S_IFREG) << 16
            info.extra = extras.get(name, b"")
            archive.writestr(info, data)
    return stream.getvalue()


@examples(100)
@given(st.lists(CHANGE, min_size=1, max_size=4))
def test_entries_swapped_linked_named_oddly_or_packed_otherwise(changes):
    found = looked_at(changed(changes))
    if found is not None:
        assert (found.wanted.digest, found.wanted.files) == (packed().digest, FILES)


INDEX = ENTRIES["bundle.json"].decode()
INDEX_PIECES = [
    '"', "{", "}", "[", "]", ",", ":", "null", "true", "-1", "1e999", "NaN", "\\u0000", "\\ud800", "../docs.md", "/x",
    "0" * 64, "a" * 300, "[" * 3_000, '"type": "galaxy.bundle/2",', '"__proto__": {},', "é", "=", "\n",
]  # fmt: skip


def with_index(raw: bytes) -> Bundle | None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in (ENTRIES | {"bundle.json": raw}).items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return looked_at(stream.getvalue())


@examples(120)
@given(edited([INDEX], INDEX_PIECES, 3))
def test_an_index_of_another_kind(text):
    with_index(text.encode("utf-8", "replace"))


@examples(30)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9_.-]{1,12}(/[a-z0-9_.-]{1,12}){0,2}", fullmatch=True),
        st.binary(max_size=200),
        max_size=4,
    )
)
def test_what_is_written_is_read_again_or_refused_as_a_name(files):
    looked_at(write_bundle(Bundle((packed(files),))))


@examples(40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=6,
    )
)
def test_any_json_as_a_manifest(value):
    name = next(name for name in NAMES if name.startswith("manifests/"))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for one, data in (ENTRIES | {name: jcs.dumps(value)}).items():
            archive.writestr(zipfile.ZipInfo(one), data)
    assert looked_at(stream.getvalue()) is None
