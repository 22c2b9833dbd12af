"""The signed heads of a trail: those in the database beside those in the copy outside."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.utils import timezone

from galaxy.core.audit.anchors import KEYS, Anchors, Line
from galaxy.core.audit.checkpoints import NO_NOTE, Head, head_of, note_hash
from galaxy.core.audit.epochs import Epoch, declared
from galaxy.core.audit.keys import PublicKey, broken_links
from galaxy.core.audit.notes import parse
from galaxy.core.audit.tree import public_keys
from galaxy.core.audit.verifying.report import Report
from galaxy.core.models import AuditCheckpoint

COPY_WITHIN = timedelta(seconds=10)  # a copy follows within one; the rest is for a machine that is busy
_IN_DATABASE, _IN_COPY = "in the database", "in the copy"


@dataclass(frozen=True)
class Signed:
    """A head that one of our keys signed, and so what the tree has to be like at its size."""

    head: Head
    where: str

    @property
    def words(self) -> str:
        return f"Checkpoint {self.head.number} {self.where}, over {self.head.size:,} events,"


@dataclass(frozen=True)
class _Noted:
    """A checkpoint that can be read."""

    head: Head
    note: str


class Heads:
    """Reads keys and checkpoints of one workspace, which must be in scope, and tells ``report`` what is wrong.

    ``compare`` goes through them by number, and looks at how they follow each other and at what one side has and the
    other lacks. Iterating gives those that are signed, smaller trees first.
    """

    def __init__(self, workspace_id: UUID, directory: Path | None, report: Report):
        self._workspace_id = workspace_id
        self._report = report
        self._anchors = Anchors(directory) if directory else None
        self._epochs: list[Epoch] = declared(self._anchors) if self._anchors else []
        self._has_copy = bool(self._anchors and self._anchors.path(workspace_id).exists())
        # What is copied is in the database before it is in the copy, so the ends are looked at in the opposite order;
        # what comes later has nothing to do with us.
        last = self._anchors.last(workspace_id) if self._anchors and self._has_copy else None
        self._last_copied = last[0] if last else 0
        rows = AuditCheckpoint.objects.filter(workspace=workspace_id).order_by("-number")
        self._last_stored = rows.values_list("number", flat=True).first() or 0
        self._keys = self._trusted_keys()
        report.keys = [key.key_id for key in self._keys]
        report.copied = 0 if self._has_copy else None

    def compare(self) -> None:
        """Tell what does not fit, before anything is said of the tree."""
        rows, lines = self._compared_rows(), self._compared_lines()
        row, line = next(rows, None), next(lines, None)
        size = 0  # up to where both agree
        gone: list[_Noted] = []
        while row or line:
            if row and (line is None or row.head.number < line.head.number):
                self._tell_gone(gone, size)
                self._tell_uncopied(row)
                size = size if self._has_copy else row.head.size
                row = next(rows, None)
            elif line and (row is None or line.head.number < row.head.number):
                gone.append(line)
                line = next(lines, None)
            elif row and line:
                self._tell_gone(gone, size)
                self._report.copied = (self._report.copied or 0) + 1
                if row.note == line.note:
                    size = row.head.size
                else:
                    self._tell_forked(row.head, line.head)
                row, line = next(rows, None), next(lines, None)
        self._tell_gone(gone, size)

    def __iter__(self) -> Iterator[Signed]:
        stored = ((one, _IN_DATABASE) for one in self._signed(self._rows(), _IN_DATABASE))
        copied = ((one, _IN_COPY) for one in self._signed(self._lines(), _IN_COPY))
        before = ""
        for one, where in heapq.merge(copied, stored, key=lambda pair: pair[0].head.size):
            if one.note != before:
                before = one.note
                yield Signed(one.head, where)

    def _signed(self, found: Iterator[_Noted], where: str) -> Iterator[_Noted]:
        """Those that grow, each signed by a key that had not handed over before."""
        newest, size = 0, -1
        for one in found:
            read = parse(one.note)
            key = next((key.number for key in self._keys if read.is_signed_by(one.head.origin, key.public)), 0)
            words = f"Checkpoint {one.head.number} {where} is signed by"
            if key == 0 or one.head.workspace_id != self._workspace_id:
                self._report.add("signature", one.head.size - 1, f"{words} no key of ours for this trail.")
            elif key < newest:
                self._report.add("signature", one.head.size - 1, f"{words} key {key}, which had handed over before.")
            elif one.head.size > size:
                newest, size = key, one.head.size
                yield one

    def _trusted_keys(self) -> list[PublicKey]:
        """The keys of the copy where there is one, else those of the database, each introduced by the one before."""
        stored = public_keys()
        notes = self._copied_keys()
        for number, note in enumerate(notes, 1):
            found = next((key for key in stored if key.number == number), None)
            if found is None:
                self._report.add("key", 0, f"Signing key {number} is in the copy and not in the database.")
            elif found.note != note:
                first = self._first_signed_by(found)
                words = f"Signing key {number} in the database ({found.key_id}) is not the one that was copied."
                self._report.add("key", first, words)
        for key in stored[len(notes) :] if notes else []:
            first = self._first_signed_by(key)
            self._report.add("key", first, f"Signing key {key.number} ({key.key_id}) is not in the copy.")
        chain, wrong = broken_links(notes or [key.note for key in stored])
        for _, sentence in wrong:
            self._report.add("key", 0, sentence)
        return chain

    def _copied_keys(self) -> list[str]:
        try:
            return [line.note for line in self._anchors.read(KEYS) if isinstance(line, Line)] if self._anchors else []
        except FileNotFoundError:
            return []

    def _first_signed_by(self, key: PublicKey) -> int:
        """The first position that a key of the database signed for."""
        rows = AuditCheckpoint.objects.filter(workspace=self._workspace_id)
        first = rows.filter(key_id=key.key_id).order_by("number").values_list("number", flat=True).first() or 0
        return rows.filter(number=first - 1).values_list("size", flat=True).first() or 0

    def _stored(self) -> Iterator[AuditCheckpoint]:
        rows = AuditCheckpoint.objects.filter(workspace=self._workspace_id, number__lte=self._last_stored)
        return rows.order_by("number").iterator()

    def _rows(self) -> Iterator[_Noted]:
        for row in self._stored():
            if found := _noted(row.note):
                yield found

    def _compared_rows(self) -> Iterator[_Noted]:
        """Checkpoints of the database, after telling what is wrong in themselves and in how they follow each other."""
        before: _Noted | None = None
        number = size = 0  # of the one before
        for row in self._stored():
            self._report.checkpoints += 1
            found = _noted(row.note)
            if row.number != number + 1 and not self._has_copy:
                self._report.add("missing", size, f"{_numbers(number + 1, row.number - 1)} not in the database.")
            if found is None:
                self._report.add("checkpoint", row.size - 1, f"Checkpoint {row.number} cannot be read.")
            else:
                says = (found.head.workspace_id, found.head.number, found.head.size, found.head.root)
                if (*says, found.head.signed_at) != (
                    row.workspace_id, row.number, row.size, bytes(row.root), row.signed_at,
                ):  # fmt: skip
                    words = f"The columns of checkpoint {row.number} do not say what was signed."
                    self._report.add("checkpoint", found.head.size - 1, words)
                if row.number == 1 or (before and row.number == number + 1):
                    self._compare_with_before(found, before)
                size = found.head.size
                yield found
            number, before = row.number, found

    def _compare_with_before(self, one: _Noted, before: _Noted | None) -> None:
        head, size = one.head, before.head.size if before else 0
        if head.previous != (note_hash(before.note) if before else NO_NOTE):
            words = f"Checkpoint {head.number} does not continue the one before it: one of them was changed."
            self._report.add("checkpoint", size, words)
        if before and head.signed_at < before.head.signed_at:
            self._report.add("clock", size, f"Checkpoint {head.number} is signed before the one before it.")
        if head.size <= size:
            self._report.add(
                "checkpoint", size, f"Checkpoint {head.number} is over no more events than the one before."
            )

    def _lines(self) -> Iterator[_Noted]:
        """Checkpoints of the copy that no declared restore has done away with."""
        for one in self._copied():
            if not any(epoch.lost(one.head) for epoch in self._epochs):
                if one.head.number > self._last_copied:
                    return  # written since we began
                yield one

    def _copied(self) -> Iterator[_Noted]:
        for line in self._anchors.read(self._workspace_id) if self._anchors and self._has_copy else ():
            if isinstance(line, Line) and (found := _noted(line.note)):
                yield found

    def _compared_lines(self) -> Iterator[_Noted]:
        """The same, after telling what cannot be read, and counting what restores have done away with."""
        for line in self._anchors.read(self._workspace_id) if self._anchors and self._has_copy else ():
            if not isinstance(line, Line):
                self._report.torn += 1  # a writer that was killed wrote the whole line once more behind it
            elif _noted(line.note) is None:
                self._report.add("copy", 0, f"Line {line.line} of the copy cannot be read.")
        for epoch in self._epochs:
            kept = epoch.head(self._workspace_id)[1]
            lost = [one.head.size for one in self._copied() if epoch.lost(one.head)]
            self._report.lost += max([kept, *lost]) - kept
        yield from self._lines()

    def _tell_forked(self, stored: Head, copied: Head) -> None:
        words = (
            f"Checkpoint {stored.number} in the database, over {stored.size:,} events, is not the one that was copied, "
            f"over {copied.size:,}."
        )
        self._report.add("forked", min(stored.size, copied.size) - 1, words)

    def _tell_uncopied(self, row: _Noted) -> None:
        """A checkpoint that the copy lacks, though it had the time to get there."""
        is_old = timezone.now() - row.head.signed_at > COPY_WITHIN
        if self._has_copy and (row.head.number < self._last_copied or is_old):
            self._report.add("copy", row.head.size - 1, f"Checkpoint {row.head.number} is not in the copy.")

    def _tell_gone(self, gone: list[_Noted], size: int) -> None:
        if gone:
            words = f"{_numbers(gone[0].head.number, gone[-1].head.number)} in the copy and not in the database."
            self._report.add("missing", size, words, max(gone[-1].head.size - 1, size))
            gone.clear()


def _noted(note: str) -> _Noted | None:
    try:
        return _Noted(head_of(note), note)
    except ValueError:
        return None


def _numbers(first: int, last: int) -> str:
    return f"Checkpoint {first} is" if first == last else f"Checkpoints {first} to {last} are"
