"""Merkle trees as RFC 6962 (section 2.1) and RFC 9162 define them: hashes, roots, proofs and their checks.

Pure functions over bytes. A tree is read through a function ``subtree(level, index)`` that gives the hash of a complete
subtree: the one over the leaves ``index * 2**level`` up to ``(index + 1) * 2**level``, level 0 being the leaves.
Whatever root or proof is asked for is put together from such subtrees.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

EMPTY_ROOT = hashlib.sha256().digest()
_LEAF, _NODE = b"\x00", b"\x01"

Subtree = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def root_of(size: int, subtree: Subtree) -> bytes:
    """The root of the tree over the first ``size`` leaves."""
    return range_hash(0, size, subtree) if size else EMPTY_ROOT


def range_hash(start: int, end: int, subtree: Subtree) -> bytes:
    """MTH(D[start:end]) of RFC 6962, for the ranges that occur in a tree: ``start`` is a multiple of the largest power
    of two within the range."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return subtree(level, start >> level)
    middle = start + _split(size)
    return node_hash(range_hash(start, middle, subtree), range_hash(middle, end, subtree))


def inclusion_path(position: int, size: int, subtree: Subtree, *, level: int = 0) -> list[bytes]:
    """PATH(position, D[0:size]): the hashes beside the way from a leaf to the root, from the bottom up.

    With ``level`` the way begins at the complete subtree of that level whose index is ``position``. ValueError where
    the tree does not hold it.
    """
    if not (position >= 0 and (position + 1) << level <= size):
        raise ValueError(f"A tree of {size} leaves has no subtree {position} on level {level}.")
    start, end, place = 0, size, position << level
    beside: list[bytes] = []
    while end - start > 1 << level:
        middle = start + _split(end - start)
        if place < middle:
            beside.append(range_hash(middle, end, subtree))
            end = middle
        else:
            beside.append(range_hash(start, middle, subtree))
            start = middle
    return beside[::-1]


def consistency_path(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """PROOF(old, D[0:new]): that the tree of ``old`` leaves is the beginning of that of ``new``; 0 <= old <= new."""
    if not 0 <= old <= new:
        raise ValueError(f"A tree of {old} leaves is not the beginning of one of {new}.")
    if old in (0, new):
        return []
    start, end = 0, new
    beside: list[bytes] = []
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            beside.append(range_hash(middle, end, subtree))
            end = middle
        else:
            beside.append(range_hash(start, middle, subtree))
            start = middle
    # Where the old tree is itself one complete subtree of the new one, whoever checks has its root already.
    return ([] if start == 0 else [range_hash(start, end, subtree)]) + beside[::-1]


def root_from_inclusion(leaf: bytes, position: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that a proof of inclusion leads to (RFC 9162, 2.1.3.2). ValueError for a path of the wrong length."""
    if not 0 <= position < size:
        raise ValueError(f"A tree of {size} leaves has no position {position}.")
    place, last, found = position, size - 1, leaf
    for other in path:
        if last == 0:
            raise ValueError("The path is too long.")
        if place & 1 or place == last:
            found = node_hash(other, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, other)
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("The path is too short.")
    return found


def is_included(leaf: bytes, position: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` proves that the leaf hash stands at ``position`` of the tree of ``size`` leaves."""
    try:
        return root_from_inclusion(leaf, position, size, path) == root
    except ValueError:
        return False


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether ``path`` proves that the old tree is the beginning of the new one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return old_root == new_root and not path
    if old == 0:
        return old_root == EMPTY_ROOT and not path
    hashes = list(path)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_found = new_found = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old_found, new_found = node_hash(other, old_found), node_hash(other, new_found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new_found = node_hash(new_found, other)
        place, last = place >> 1, last >> 1
    return last == 0 and (old_found, new_found) == (old_root, new_root)


class Frontier:
    """A tree that grows at its right edge and remembers only that edge: one hash for each 1 in the size's binary form.

    ``grow`` gives back each subtree that is complete with the new leaf, as (level, index, hash), leaves left out.
    """

    __slots__ = ("_edge", "size")

    def __init__(self, size: int = 0, edge: Iterable[bytes] = ()):
        """``edge``: the complete subtrees that make up the tree, the largest first."""
        self.size = size
        self._edge = list(edge)
        if len(self._edge) != size.bit_count():
            raise ValueError(f"A tree of {size} leaves has {size.bit_count()} hashes at its edge.")

    @classmethod
    def read(cls, size: int, subtree: Subtree) -> "Frontier":
        """The edge of a tree that lies somewhere."""
        edge, start = [], 0
        for level in range(size.bit_length() - 1, -1, -1):
            if size >> level & 1:
                edge.append(subtree(level, start >> level))
                start += 1 << level
        return cls(size, edge)

    def copy(self) -> "Frontier":
        return Frontier(self.size, self._edge)

    def grow(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        position, level, found = self.size, 0, leaf
        complete = []
        while position >> level & 1:
            found = node_hash(self._edge.pop(), found)
            level += 1
            complete.append((level, position >> level, found))
        self._edge.append(found)
        self.size += 1
        return iter(complete)

    def root(self) -> bytes:
        if not self._edge:
            return EMPTY_ROOT
        found = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            found = node_hash(left, found)
        return found


def _split(size: int) -> int:
    """The largest power of two below ``size``, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1
