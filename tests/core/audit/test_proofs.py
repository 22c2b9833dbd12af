"""Roots and proofs, against the vectors of RFC 6962's reference code and against its definitions, written naively."""

import hashlib
from functools import lru_cache

import pytest

from galaxy.core.audit.proofs import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
)

# The inputs and roots that Certificate Transparency's implementations share.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = 200


class Naive:
    """RFC 6962, section 2.1, word for word: no levels, no subtrees, only lists of leaves."""

    def __init__(self, leaves):
        self.leaves = tuple(leaves)
        self.mth = lru_cache(maxsize=None)(self._mth)

    def _mth(self, start, end):
        if start == end:
            return hashlib.sha256(b"").digest()
        if end - start == 1:
            return hashlib.sha256(b"\x00" + self.leaves[start]).digest()
        k = self.split(end - start)
        return hashlib.sha256(b"\x01" + self.mth(start, start + k) + self.mth(start + k, end)).digest()

    @staticmethod
    def split(n):
        k = 1
        while k * 2 < n:
            k *= 2
        return k

    def path(self, m, start, end):
        if end - start == 1:
            return []
        k = self.split(end - start)
        if m < k:
            return [*self.path(m, start, start + k), self.mth(start + k, end)]
        return [*self.path(m - k, start + k, end), self.mth(start, start + k)]

    def proof(self, m, start, end, known):
        if m == end - start:
            return [] if known else [self.mth(start, end)]
        k = self.split(end - start)
        if m <= k:
            return [*self.proof(m, start, start + k, known), self.mth(start + k, end)]
        return [*self.proof(m - k, start + k, end, False), self.mth(start, start + k)]


@pytest.fixture(scope="module")
def naive():
    return Naive(str(number).encode() for number in range(SIZES))


@pytest.fixture(scope="module")
def subtree(naive):
    return lambda level, index: naive.mth(index << level, (index + 1) << level)


def test_roots_are_those_of_the_shared_vectors():
    known = Naive(bytes.fromhex(text) for text in INPUTS)
    tree = Frontier()
    assert tree.root() == EMPTY_ROOT == hashlib.sha256(b"").digest()
    for leaf, root in zip(known.leaves, ROOTS, strict=True):
        tree.grow(leaf_hash(leaf))
        assert tree.root().hex() == root
        assert root_of(tree.size, lambda level, index: known.mth(index << level, (index + 1) << level)).hex() == root


def test_a_proof_of_the_shared_vectors_is_byte_for_byte_theirs():
    known = Naive(bytes.fromhex(text) for text in INPUTS)
    path = inclusion_path(5, 8, lambda level, index: known.mth(index << level, (index + 1) << level))
    assert [one.hex() for one in path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (
            1,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ],
)
def test_a_proof_of_consistency_of_the_shared_vectors_is_byte_for_byte_theirs(old, new, wanted):
    known = Naive(bytes.fromhex(text) for text in INPUTS)
    path = consistency_path(old, new, lambda level, index: known.mth(index << level, (index + 1) << level))
    assert [one.hex() for one in path] == wanted
    assert is_consistent(old, bytes.fromhex(ROOTS[old - 1]), new, bytes.fromhex(ROOTS[new - 1]), path)


@pytest.mark.parametrize("size", range(1, SIZES + 1))
def test_every_inclusion_proof_is_the_naive_one_and_proves_its_leaf_alone(naive, subtree, size):
    root = naive.mth(0, size)
    assert root_of(size, subtree) == root
    for position in range(size):
        path = inclusion_path(position, size, subtree)
        leaf = leaf_hash(naive.leaves[position])
        assert path == naive.path(position, 0, size)
        assert is_included(leaf, position, size, path, root)
        assert not is_included(leaf_hash(b"another"), position, size, path, root)
        assert not is_included(leaf, (position + 1) % size, size, path, root) or size == 1
        assert not is_included(leaf, position, size, [*path, root], root)
        assert not path or not is_included(leaf, position, size, path[:-1], root)


@pytest.mark.parametrize("new", range(1, SIZES + 1))
def test_every_consistency_proof_is_the_naive_one_and_proves_no_other_tree(naive, subtree, new):
    root = naive.mth(0, new)
    for old in range(new + 1):
        path = consistency_path(old, new, subtree)
        before = naive.mth(0, old)
        assert path == (naive.proof(old, 0, new, True) if old else [])
        assert is_consistent(old, before, new, root, path)
        assert not is_consistent(old, leaf_hash(b"another"), new, root, path)
        assert not is_consistent(old, before, new, leaf_hash(b"another"), path) or old == 0
        assert not is_consistent(old, before, new, root, [*path, root])
        assert not path or not is_consistent(old, before, new, root, path[:-1])
        for place in range(len(path)):
            assert not is_consistent(old, before, new, root, [*path[:place], root, *path[place + 1 :]])


def test_a_frontier_tells_each_complete_subtree_once_and_can_be_read_again(naive, subtree):
    tree, told = Frontier(), {}
    for position in range(SIZES):
        for level, index, found in tree.grow(leaf_hash(naive.leaves[position])):
            assert (level, index) not in told
            told[level, index] = found
        assert tree.root() == naive.mth(0, tree.size) == Frontier.read(tree.size, subtree).root()
    wanted = {(level, index) for level in range(1, 8) for index in range(SIZES >> level)}
    assert told == {place: subtree(*place) for place in wanted}


def test_a_path_may_begin_above_the_leaves(naive, subtree):
    whole = inclusion_path(37, 150, subtree)
    assert inclusion_path(37 >> 3, 150, subtree, level=3) == whole[3:]


@pytest.mark.parametrize(("position", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_what_a_tree_does_not_hold_has_no_proof(subtree, position, size):
    with pytest.raises(ValueError, match="has no subtree"):
        inclusion_path(position, size, subtree)
    assert not is_included(b"", position, size, [], b"")


@pytest.mark.parametrize(("old", "new"), [(5, 4), (-1, 4)])
def test_a_tree_that_shrank_has_no_proof(subtree, old, new):
    with pytest.raises(ValueError, match="is not the beginning"):
        consistency_path(old, new, subtree)
    assert not is_consistent(old, b"", new, b"", [])


def test_a_frontier_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="has 2 hashes"):
        Frontier(3, [b"one"])
