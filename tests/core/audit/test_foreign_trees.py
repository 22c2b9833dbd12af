"""Trees and notes beside those of others: pymerkle's trees, and the signed note of Go's checksum database."""

import base64
import random

import pymerkle
import pytest

from galaxy.core.audit.notes import parse, sign, verifier_key
from galaxy.core.audit.proofs import (
    Frontier,
    consistency_path,
    inclusion_path,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
)
from galaxy.core.vault.key_files import KeyFile
from galaxy.core.vault.signing import SigningKeys, id_of

ALL_SIZES = 40  # each with every older size and every position; beyond, a choice
SIZES = 1100
CHOICE = random.Random(6962).sample(range(ALL_SIZES, SIZES + 1), 25)

# golang.org/x/mod/sumdb/note, example_test.go: a key that is published with its private half, and a text it signed.
NAME = "PeterNeumann"
VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SIGNER = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
NOTE = f"{TEXT}\n\u2014 {NAME} {SIGNATURE}\n"


@pytest.fixture(scope="module")
def theirs():
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for number in range(SIZES):
        tree.append_entry(str(number).encode())
    return tree


@pytest.fixture(scope="module")
def subtree():
    """Ours: every complete subtree as a frontier told of it."""
    tree, known = Frontier(), {}
    for number in range(SIZES):
        known[0, number] = leaf_hash(str(number).encode())
        known |= {(level, index): found for level, index, found in tree.grow(known[0, number])}
    return lambda level, index: known[level, index]


def test_roots_are_theirs_at_every_size(theirs):
    tree = Frontier()
    for size in range(1, SIZES + 1):
        tree.grow(leaf_hash(str(size - 1).encode()))
        assert tree.root() == theirs.get_root(size)


@pytest.mark.parametrize("size", [*range(1, ALL_SIZES), *CHOICE])
def test_proofs_of_inclusion_are_theirs(theirs, subtree, size):
    for position in range(size) if size < ALL_SIZES else random.Random(size).sample(range(size), 8):
        leaf, *path = theirs.prove_inclusion(position + 1, size).path
        assert inclusion_path(position, size, subtree) == path
        assert is_included(leaf, position, size, path, theirs.get_root(size))


@pytest.mark.parametrize("new", [*range(2, ALL_SIZES), *CHOICE])
def test_our_roots_are_consistent_for_them(theirs, subtree, new):
    """By proofs of their own shape, which leave less to the reader than those of RFC 6962."""
    for old in range(1, new) if new < ALL_SIZES else random.Random(new).sample(range(1, new), 8):
        before, after = root_of(old, subtree), root_of(new, subtree)
        pymerkle.verify_consistency(before, after, theirs.prove_consistency(old, new), old, new)
        assert is_consistent(old, theirs.get_root(old), new, theirs.get_root(new), consistency_path(old, new, subtree))


def test_a_note_of_the_checksum_database_is_read_and_written_alike(tmp_path):
    public, seed = (base64.b64decode(text)[1:] for text in (VERIFIER.split("+", 2)[2], SIGNER))
    assert verifier_key(NAME, public) == VERIFIER
    assert parse(NOTE).is_signed_by(NAME, public)
    assert not parse(NOTE.replace("cryptography", "secrecy")).is_signed_by(NAME, public)
    KeyFile(tmp_path / "keys.json", "", "", "", "").make(id_of(public), seed)
    assert sign(TEXT, NAME, SigningKeys(tmp_path / "keys.json"), [id_of(public)]) == NOTE
