#!/usr/bin/env python3
"""Verify an export pack of a Galaxy audit trail:  python verify.py DIRECTORY [--key KEY]

It needs Python 3.8 or newer and nothing else: no network, no Galaxy, no package. It prints PASS and what was found, or
FAIL with file, line and field, and ends with 0 or 1. What a PASS proves stands in what-this-proves.html.

Each line of events.ndjson is one event. Each of its fields is committed to:

    field_salt(name) = HMAC-SHA-256(salt, name)
    commitment(name) = SHA-256(field_salt(name) || JCS([name, value]))         JCS is RFC 8785

The event's leaf holds its commitments, the leaves make up a Merkle tree (RFC 6962, section 2.1), and the tree's root
stands in a checkpoint (C2SP tlog-checkpoint) that is signed with Ed25519 (RFC 8032). A line whose field was left out
has the other fields' own salts in place of the event's; a line whose values retention deleted has neither.
"""

import argparse
import base64
import bisect
import collections
import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import sys
from array import array
from functools import partial
from operator import itemgetter
from pathlib import Path

# --- What is wrong -----------------------------------------------------------------------------------------------


class Broken(Exception):
    """Where the pack is not what it should be: a file of it, a line (0 for the file as a whole), perhaps a field."""

    def __init__(self, file, line, why, field=""):
        super().__init__(file, line, why, field)  # all of them, since it may come from another process
        self.file, self.line, self.field, self.why = file, line, field, why

    def __str__(self):
        place = (
            self.file + (f", line {self.line}" if self.line else "") + (f", field {self.field}" if self.field else "")
        )
        return f"{place}: {self.why}"


# --- RFC 8785: the one way to write a value as bytes -------------------------------------------------------------

_quote = json.encoder.encode_basestring
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_quick = _encoder.encode
if getattr(json.encoder, "c_make_encoder", None):  # made once, and not anew for each value as ``encode`` does
    _made = json.encoder.c_make_encoder(None, _encoder.default, _quote, None, ":", ",", True, False, False)

    def _quick(value):
        return "".join(_made(value, 0))


def canonical(value):
    """``value`` (JSON as Python reads it) as RFC 8785 writes it, as text."""
    if isinstance(value, str):
        return _quote(value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, list):
        return f"[{','.join(map(canonical, value))}]"
    names = sorted(value, key=_order)
    return f"{{{','.join(f'{_quote(name)}:{canonical(value[name])}' for name in names)}}}"


def _order(name):
    return name.encode("utf-16-be", "surrogatepass")


def _number(value):
    """As ECMAScript writes a double: plain between 1e-6 and 1e21, with an exponent beyond."""
    if isinstance(value, int) and abs(value) < 2**53:
        return str(value)
    value = float(value)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("no number of JSON")
    if value == 0:
        return "0"
    sign, (mantissa, _, exponent) = "-" if value < 0 else "", repr(abs(value)).partition("e")
    whole, _, part = mantissa.partition(".")
    part = "" if part == "0" else part
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + part) - len(digits))  # where the point stands in digits
    digits = digits.rstrip("0")
    if 0 < point <= 21:
        return sign + (digits.ljust(point, "0") if len(digits) <= point else f"{digits[:point]}.{digits[point:]}")
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{'-' if point < 1 else '+'}{abs(point - 1)}"


# --- One line of events.ndjson -----------------------------------------------------------------------------------

EVENTS, SHEET = "events.ndjson", "events.csv"
IN_LEAF = (
    "action", "actor_id", "actor_kind", "commitments", "epoch", "id", "occurred_at", "request_id", "simulated",
    "target_id", "target_kind", "workspace", "xid",
)  # fmt: skip
MEMBERS = (
    "position", "id", "occurred_at", "action", "actor_kind", "actor_id", "target_kind", "target_id", "request_id",
    "simulated", "workspace", "epoch", "xid", "leaf", "commitments",
)  # fmt: skip
_LEAF = (
    '\0{"action":%s,"actor_id":%s,"actor_kind":%s,"commitments":{%s},"epoch":%d,"id":"%d","occurred_at":"%s",'
    '"request_id":%s,"simulated":%s,"target_id":%s,"target_kind":%s,"v":1,"workspace":%s,"xid":%s}'
)
_texts_of = itemgetter(
    "action", "actor_id", "actor_kind", "request_id", "target_id", "target_kind", "workspace", "xid"
)  # fmt: skip
LAYOUTS = {(*MEMBERS, "salt", "fields"), (*MEMBERS, "salts", "fields")}
_TWICE = {
    "action": "action", "target.kind": "target_kind", "target.id": "target_id", "request_id": "request_id",
    "simulated": "simulated", "workspace": "workspace",
}  # fmt: skip
_in_fields, _in_members = itemgetter(*_TWICE), itemgetter(*_TWICE.values())
TOMBSTONE, NEVER_PURGED = "retention.purged", ("retention.", "legal_hold.")
_FIELDS = b',"fields":'  # the last member of a line; no text in JSON holds these signs unescaped
_INNER, _OUTER = bytes(one ^ 0x36 for one in range(256)), bytes(one ^ 0x5C for one in range(256))
_UTC = re.compile(r"^.{19}(?:\.\d{1,6})?\+00:00\Z")  # the rest of a time stands in the leaf
_HEX = re.compile(r"[0-9a-f]{64}\Z")
# Lines have few different sets of names. {names of fields: [(name as bytes, beginning of what is committed to)]}, and
# {names of commitments: (the same as RFC 8785 sorts them, how they stand in the leaf)}
_openings, _orders = {}, {}
_odd = []  # numbers of the line at hand that RFC 8785 writes otherwise than Python


def _number_of(text):
    _odd.append(text)
    return float(text)


def _whole_number_of(text):
    return int(text) if len(text) < 16 else _number_of(text)


_read = json.JSONDecoder(parse_float=_number_of, parse_int=_whole_number_of).raw_decode
# How Galaxy writes a line, sign by sign: what means the same but is written otherwise was touched by somebody.
_LAYOUT = re.compile(
    r'(?:"(?:[^"\\\x00-\x1f]|\\["\\bfnrt]|\\u00[01][0-9a-f])*"'  # text, which escapes no more than it must
    r"|-?\d+(?:\.\d+)?|true|false|null|[{}\[\]]|[,:] ?)*\n\Z"
)


class Line:
    """One event as the pack has it; ``place`` is the number of the line, for people.

    ``fields`` is None where retention deleted the values; ``at`` is the event's time as the tree has it.
    """

    __slots__ = ("at", "commitments", "fields", "left_out", "members", "place", "position", "raw", "salts")

    def __init__(self, raw, place):
        self.raw, self.place, self.left_out = raw, place, 0
        _odd.clear()
        try:
            text = raw.decode()
            self.members, end = members, _ = _read(text)
            self.position, self.commitments = members["position"], members["commitments"]
            self.fields, self.salts = members["fields"], members.get("salt", members.get("salts"))
            known = text[end:] == "\n" and tuple(members) in LAYOUTS and type(self.commitments) is dict
            known = known and type(members["occurred_at"]) is str and _UTC.search(members["occurred_at"])
            known = known and type(members["simulated"]) is bool
            known = known and type(self.position) is type(members["id"]) is type(members["epoch"]) is int
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            known = False
        if not known:
            raise Broken(EVENTS, place, "it is no line of an export")
        self.at = moment(members["occurred_at"])
        if self.fields is not None:
            self._open()
            self._compare()

    @property
    def raw_fields(self):
        """The fields as they stand in the file."""
        return self.raw[self.raw.index(_FIELDS) + len(_FIELDS) : self.raw.rindex(b"}")]

    def _open(self):
        """Open the commitment of each field by its value and its salt."""
        fields, commitments, salts = self.fields, self.commitments, self.salts
        if type(fields) is not dict or not fields or type(salts) not in (str, dict):
            raise Broken(EVENTS, self.place, "it has no values and salts", "fields")
        names = tuple(fields)
        if names not in _openings:
            _openings[names] = [(name.encode(), f"[{_quote(name)},") for name in names]
        sha256, quote = hashlib.sha256, _quote
        texts = [quote(value) if type(value) is str else _text_of(value) for value in fields.values()]
        openings = zip(_openings[names], texts)
        if type(salts) is str:  # HMAC spelled out, since its key is the same for every field of the event
            salt = self._bytes(salts, "salt").ljust(64, b"\0")
            inner, outer = salt.translate(_INNER), salt.translate(_OUTER)
            found = [
                sha256(sha256(outer + sha256(inner + name).digest()).digest() + f"{head}{text}]".encode()).hexdigest()
                for (name, head), text in openings
            ]
        else:
            found = [
                sha256(self._bytes(salts.get(name), name) + f"{head}{text}]".encode()).hexdigest()
                for name, ((_, head), text) in zip(names, openings)
            ]
        if found != [commitments.get(name) for name in names]:
            wrong = next(name for name, one in zip(names, found) if one != commitments.get(name))
            raise Broken(EVENTS, self.place, "its value is not what was committed to", wrong)
        self.left_out = len(commitments) - len(fields)
        if type(salts) is str and self.left_out:
            missing = sorted(set(commitments) - set(fields))[0]
            raise Broken(EVENTS, self.place, "its value is missing, and was not left out", missing)
        if type(salts) is dict and set(salts) != set(fields):
            raise Broken(EVENTS, self.place, "it has a salt and no value", sorted(set(salts) ^ set(fields))[0])

    def _compare(self):
        """What the event says beside its fields must be what they say."""
        fields, members = self.fields, self.members
        try:
            same = _in_fields(fields) == _in_members(members)
        except KeyError:  # one of them was left out
            same = False
        if not same:
            for name, other in _TWICE.items():
                if fields.get(name, members[other]) != members[other]:
                    raise Broken(EVENTS, self.place, "it differs from its field", other)
        at = fields.get("occurred_at", members["occurred_at"])
        if at != members["occurred_at"] and at != self.at.replace(".000000Z", "Z").replace("Z", "+00:00"):
            raise Broken(EVENTS, self.place, "it differs from its field", "occurred_at")

    def _bytes(self, text, field):
        if not _is_hex(text):
            raise Broken(EVENTS, self.place, "its salt is none", field)
        return bytes.fromhex(text)

    def leaf(self):
        """The hash of what the tree commits to, the event without its values, which must be the one that the line says:
        so the line is named, and not only the root that differs."""
        members, commitments = self.members, self.commitments
        if (self.left_out or self.fields is None) and not all(map(_is_hex, commitments.values())):
            raise Broken(EVENTS, self.place, "it is no line of an export")
        names = tuple(commitments)
        if names not in _orders:
            in_order = sorted(names, key=_order)
            _orders[names] = in_order, ",".join([f'{_quote(name).replace("%", "%%")}:"%s"' for name in in_order])
        in_order, shape = _orders[names]
        try:
            texts = [*map(_quote, _texts_of(members))]
            # In the order of RFC 8785, spelled out for speed: see IN_LEAF for what there is.
            data = _LEAF % (
                *texts[:3], shape % tuple([commitments[name] for name in in_order]), members["epoch"], members["id"],
                self.at, texts[3], "true" if members["simulated"] else "false", *texts[4:],
            )  # fmt: skip
        except TypeError:
            raise Broken(EVENTS, self.place, "it is no line of an export") from None
        found = hashlib.sha256(data.encode())
        if found.hexdigest() != members["leaf"]:
            raise Broken(EVENTS, self.place, "the event is not what was sealed", "leaf")
        return found.digest()


def _text_of(value):
    """A value that is no text, in the shortest way that gives what RFC 8785 says."""
    if value is False:
        return "false"
    text = None if _odd else _quick(value)
    # Names beyond the Basic Multilingual Plane are sorted otherwise by RFC 8785 than by Python.
    return text if text is not None and text.isascii() else canonical(value)


def _is_hex(text):
    return type(text) is str and _HEX.match(text)


def moment(text):
    """``2026-11-22T13:20:44.183+00:00`` as the tree has it, in UTC and to the microsecond."""
    return f"{text[:19]}.{text[20:-6]:0<6}Z"


# --- Values that retention took ----------------------------------------------------------------------------------


class Purges:
    """Events without values (eight bytes apiece), and tombstones, by which retention says what it took."""

    def __init__(self):
        self.missing, self.tombstones = {}, []  # {action: positions}; [(first position, last, how many, which actions)]

    def miss(self, position, action):
        self.missing.setdefault(action, array("q")).append(position)

    def tell(self, fields):
        """Take down the fields of a tombstone. Raises ValueError where it does not say what was purged."""
        told = [fields.get(f"data.{name}") for name in ("first_position", "last_position", "count", "events")]
        if [type(one) for one in told] != [int, int, int, str]:
            raise ValueError("it does not say what was purged")
        self.tombstones.append(tuple(told))

    def add(self, other):
        for action, positions in other.missing.items():
            self.missing.setdefault(action, array("q")).extend(positions)
        self.tombstones += other.tombstones

    def unexplained(self):
        """[(first position, last, how many)] of values that are missing though no tombstone says so, or in a stretch of
        which tombstones say that fewer went."""
        found, stretches = [], _joined(self.tombstones)
        left = [count for _, _, count in stretches]
        for action, positions in self.missing.items():
            own = [one for one in self.tombstones if action.startswith(one[3]) and not action.startswith(NEVER_PURGED)]
            own = _joined(own)
            for position in positions:
                at = _stretch_with(own, position)
                if at is None:
                    found.append((position, position, 1))
                else:
                    left[_stretch_with(stretches, position)] -= 1
        found += [(first, last, -over) for (first, last, _), over in zip(stretches, left) if over < 0]
        return sorted(found)


def _joined(tombstones):
    """[(first, last, count)] of tombstones, with those that overlap as one."""
    joined = []
    for first, last, count, *_ in sorted(tombstones):
        if joined and first <= joined[-1][1]:
            start, end, others = joined.pop()
            first, last, count = start, max(last, end), count + others
        joined.append((first, last, count))
    return joined


def _stretch_with(stretches, position):
    at = bisect.bisect(stretches, (position, float("inf"))) - 1
    return at if at >= 0 and position <= stretches[at][1] else None


# --- events.csv: the same events, as a spreadsheet reads them ----------------------------------------------------

COLUMNS = (
    "position", "id", "occurred_at", "action", "actor_kind", "actor_id", "actor", "target_kind", "target_id",
    "target", "request_id", "simulated", "fields",
)  # fmt: skip
FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # what makes a cell a formula somewhere, in full width too


def csv_cells(line):
    """An event's row, cell by cell: each is quoted, an empty one bare, and a ' before what begins like a formula."""
    fields, members = line.fields or {}, line.members
    at = members["occurred_at"]
    cells = (
        members["position"], members["id"], f"{at[:10]} {at[11:-3]}", members["action"], members["actor_kind"],
        members["actor_id"], actor_of(fields.get("actor.chain") or [])[:160] or None, members["target_kind"],
        members["target_id"], fields.get("target.label"), members["request_id"], members["simulated"],
        line.raw_fields.decode() if line.fields is not None else None,
    )  # fmt: skip
    return list(map(csv_cell, cells))


def actor_of(links):
    """Who acted, for people: the agent, or the first link; of a trigger also for whom."""
    acting = next((link for link in links if link["kind"] == "agent"), links[0] if links else {})
    trigger = next((link for link in links[1:] if link["kind"] == "trigger"), None)
    label = acting.get("label", "")
    return f"{trigger['label']}, for {label}" if trigger and acting["kind"] == "person" else label


def csv_row(cells):
    return (",".join(cells) + "\n").encode()


def csv_cell(value):
    if value is None:
        return ""
    text = str(value).lower() if value is True or value is False else str(value)
    if text and text[0] in FORMULA:
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"'


# --- Many lines, by one process or several -----------------------------------------------------------------------

BLOCK_BYTES = 1 << 20


class Seen:
    """What some lines say: ``leaves`` as [(position, hash)], ``rows`` as the sheet has to have them, and counts."""

    def __init__(self):
        self.leaves, self.rows, self.purges, self.counts = [], b"", Purges(), {}


def look_at(lines, first, workspace, has_sheet):
    """The Seen of ``lines``, each checked by itself; ``first`` is the number of the first. Raises Broken."""
    seen, rows, opened, left_out, purged = Seen(), [], 0, 0, 0
    for place, raw in enumerate(lines, first):
        line = Line(raw, place)
        if line.members["workspace"] != workspace:
            raise Broken(EVENTS, place, "it stands where it does not belong", "workspace")
        if has_sheet:
            rows.append(csv_row(csv_cells(line)))
        seen.leaves.append((line.position, line.leaf()))
        left_out += line.left_out
        if line.fields is None:
            purged += 1
            seen.purges.miss(line.position, line.members["action"])
            continue
        opened += len(line.fields)
        if line.members["action"] == TOMBSTONE:
            try:
                seen.purges.tell(line.fields)
            except ValueError as error:
                raise Broken(EVENTS, place, str(error), "fields") from None
    seen.rows = b"".join(rows)
    seen.counts = {"events": len(lines), "opened": opened, "left_out": left_out, "purged": purged}
    return seen


def _looked_at(file, about, processes):
    """(number of the first line, lines, Seen) of each block of a file, in order; ``about`` goes to look_at as well."""
    place, waiting, pool = 1, collections.deque(), None
    lines = file.readlines(BLOCK_BYTES)
    if processes > 1 and len(lines) > 1:
        with contextlib.suppress(ImportError, OSError):  # where a system has none, one process does it all
            pool = concurrent.futures.ProcessPoolExecutor(processes)
    with pool or contextlib.nullcontext():
        while lines:
            job = pool.submit(look_at, lines, place, *about).result if pool else partial(look_at, lines, place, *about)
            waiting.append((place, lines, job))
            if len(waiting) > (2 * processes if pool else 0):
                first, some, job = waiting.popleft()
                yield first, some, job()
            place, lines = place + len(lines), file.readlines(BLOCK_BYTES)
        for first, some, job in waiting:
            yield first, some, job()


# --- The tree ----------------------------------------------------------------------------------------------------


def fold(leaves, others, size):
    """The root of a tree of ``size`` leaves, from some of them and the hashes of every subtree that has none of them.

    ``leaves`` gives (position, hash) by position; ``others`` the hashes, from left to right.
    """
    sha256 = hashlib.sha256
    position, leaf = next(leaves, (size, b""))

    def range_hash(start, end):
        nonlocal position, leaf
        if position >= end:
            return next(others)
        if end - start == 1:
            found = leaf
            position, leaf = next(leaves, (size, b""))
            return found
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        left = range_hash(start, middle)
        return sha256(b"\x01" + left + range_hash(middle, end)).digest()

    root = range_hash(0, size) if size else sha256().digest()
    if position < size or next(others, None) is not None:
        raise StopIteration
    return root


# --- Ed25519 (RFC 8032, section 5.1), with points as (X, Y, Z, T) of section 5.1.4 ---------------------------------

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P


def _point(data):
    """The point that 32 bytes stand for, else None."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _add(one, other):
    a, b = (one[1] - one[0]) * (other[1] - other[0]), (one[1] + one[0]) * (other[1] + other[0])
    c, d = 2 * one[3] * other[3] * _D, 2 * one[2] * other[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number, point):
    found = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = _add(found, point)
        point, number = _add(point, point), number >> 1
    return found


_BASE = _point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))


def is_signed(message, signature, public_key):
    """Whether ``signature`` (64 bytes) over ``message`` is of ``public_key`` (32 bytes)."""
    key, commitment = _point(public_key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or len(signature) != 64 or scalar >= _ORDER:
        return False
    hashed = hashlib.sha512(signature[:32] + public_key + message).digest()
    one = _times(scalar, _BASE)
    other = _add(commitment, _times(int.from_bytes(hashed, "little") % _ORDER, key))
    return not ((one[0] * other[2] - other[0] * one[2]) % _P or (one[1] * other[2] - other[1] * one[2]) % _P)


# --- The files of a pack -----------------------------------------------------------------------------------------

FOOTER = "events.csv.footer"
SUMS = "SHA256SUMS"  # as the tool of that name writes them; its comments are digests of lines, by which one is found
FILES = ("checkpoint", EVENTS, "keys", "manifest.json", "proofs", "schema.json", "verify.py", "what-this-proves.html")
LINES = 1000  # of a file that get a digest of their own; of a longer one so many groups of lines do


def digests_of_lines(data):
    """[(first line, last line, short digest)] over the lines of a file."""
    lines = data.splitlines(keepends=True)
    step = -(-len(lines) // LINES) or 1
    groups = ((start, lines[start : start + step]) for start in range(0, len(lines), step))
    return [(at + 1, at + len(some), hashlib.sha256(b"".join(some)).hexdigest()[:16]) for at, some in groups]


class Pack:
    """A directory with a pack; ``verify`` finds what is wrong with it, or says what is in it."""

    def __init__(self, folder, key=""):
        self.folder, self.key = Path(folder), key
        self.sums, self.lines = {}, {}  # {file: (line of SUMS, digest)}, {file: [(line of SUMS, from, to, digest)]}
        self.purges = Purges()
        self.place, self.row = 0, 1  # the lines of events and sheet that are looked at
        self.digests = {}  # of these two
        self.report = {"events": 0, "opened": 0, "left_out": 0, "purged": 0, "first": None, "last": None}

    def verify(self, each=None, processes=1):
        """What was found, as {name: number or text}. Raises Broken.

        ``each`` hears the number of lines now and then; with more ``processes`` than one as many share the lines.
        """
        self._read_sums()
        for name in self.sums:
            if name not in (EVENTS, SHEET):
                self._check_small(name)
        checkpoint = self._checkpoint()
        others = (bytes.fromhex(line) for line in self._text("proofs").split())
        try:
            root = fold(self._leaves(each, processes), others, self.report["size"])
        except (StopIteration, ValueError):
            raise Broken(EVENTS, self.place, "here positions and proofs do not fit: an event is missing") from None
        if root != checkpoint:
            raise Broken(EVENTS, 0, "with the proofs it does not lead to the root that was signed")
        self._compare_digests()
        self._explain_purges()
        manifest = json.loads(self._text("manifest.json"))
        for name, found in self.report.items():
            if manifest["counts"].get(name, found) != found:
                raise Broken("manifest.json", 0, f"it says {manifest['counts'][name]}, and there are {found}", name)
        self.report["filter"], self.report["tombstones"] = manifest["filter"], len(self.purges.tombstones)
        return self.report

    def _read(self, name):
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            raise Broken(name, 0, "it is missing") from None

    def _text(self, name):
        data = self._read(name)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise Broken(name, data[: error.start].count(b"\n") + 1, "it is no text") from None

    def _read_sums(self):
        pattern = re.compile(r"([0-9a-f]{64})  ([\w.-]+)|# ([0-9a-f]{16}) ([\w.-]+):(\d+)-(\d+)")
        name = ""
        for number, line in enumerate(self._text(SUMS).split("\n")[:-1], 1):
            found = pattern.fullmatch(line)
            if found and found[2] in (*FILES, SHEET, FOOTER) and found[2] not in self.sums:
                name = found[2]
                self.sums[name] = (number, found[1])
            elif found and found[4] and found[4] == name:
                self.lines.setdefault(name, []).append((number, int(found[5]), int(found[6]), found[3]))
            else:
                raise Broken(SUMS, number, "it is no digest of a file of the pack")
        for name in FILES:
            if name not in self.sums:
                raise Broken(SUMS, 0, f"it says nothing of {name}")

    def _check_small(self, name):
        number, digest = self.sums[name]
        data = self._read(name)
        stored = self.lines.get(name, [])
        for (at, *told), now in zip(stored, digests_of_lines(data)):
            if tuple(told) != now:
                whole = hashlib.sha256(data).hexdigest() == digest
                raise Broken(SUMS, at, f"it differs from {name}") if whole else Broken(name, now[0], "it was changed")
        if hashlib.sha256(data).hexdigest() != digest:
            raise Broken(SUMS, number, f"it is not the digest of {name}")
        if len(stored) != len(digests_of_lines(data)):
            raise Broken(SUMS, number, f"it does not tell of every line of {name}")

    def _checkpoint(self):
        """The root that is signed; size, origin, time and key go into the report."""
        text, _, signatures = self._text("checkpoint").rpartition("\n\n")
        text += "\n"
        lines = text.split("\n")
        keys = [self.key] if self.key else self._text("keys").split()
        for signature in signatures.split("\n")[:-1]:
            name, _, signed = signature.partition(" ")[2].partition(" ")
            signed = base64.b64decode(signed)
            for key in keys:
                whose, _, key = key.partition("+")
                public = base64.b64decode(key.partition("+")[2])[1:]
                hint = hashlib.sha256(whose.encode() + b"\n\x01" + public).digest()[:4]
                if name == whose == lines[0] and hint == signed[:4] and is_signed(text.encode(), signed[4:], public):
                    said = dict(line.split(" ", 1) for line in lines[3:-1])
                    self.report.update(origin=lines[0], size=int(lines[1]), time=said.get("time", ""))
                    self.report["key"] = hashlib.sha256(public).hexdigest()
                    return base64.b64decode(lines[2])
        raise Broken("checkpoint", 0, "none of the keys signed it")

    def _leaves(self, each, processes):
        """(position, hash of the leaf) of each line, which is checked against its commitments and against the sheet."""
        report, last = self.report, -1
        has_sheet = SHEET in self.sums
        sheet_name = SHEET if has_sheet else EVENTS
        self.digests = {name: hashlib.sha256() for name in (EVENTS, sheet_name)}
        workspace = report["origin"].rpartition("/")[2]
        with (self.folder / EVENTS).open("rb") as events, (self.folder / sheet_name).open("rb") as sheet:
            if has_sheet:
                self._compare_rows(sheet, csv_row(map(csv_cell, COLUMNS)), [], 0)
            for place, lines, seen in _looked_at(events, (workspace, has_sheet), processes):
                self.digests[EVENTS].update(b"".join(lines))
                if has_sheet:
                    self._compare_rows(sheet, seen.rows, lines, place)
                self.purges.add(seen.purges)
                for name, count in seen.counts.items():
                    report[name] += count
                for self.place, (position, leaf) in enumerate(seen.leaves, place):
                    if position <= last:
                        raise Broken(EVENTS, self.place, "it stands where it does not belong", "position")
                    report["first"] = position if report["first"] is None else report["first"]
                    report["last"] = last = position
                    yield position, leaf
                if each:
                    each(self.place)
            if has_sheet and sheet.read(1):
                raise Broken(SHEET, self.row, "it tells of no event of events.ndjson")

    def _compare_rows(self, sheet, rows, lines, place):
        """The sheet's next rows with what ``lines``, the first of which is number ``place``, say; [] is the head."""
        found = sheet.read(len(rows))
        self.digests[SHEET].update(found)
        if found != rows and not lines:
            raise Broken(SHEET, 1, "these are not its columns")
        if found != rows:
            for number, raw in enumerate(lines, place):
                cells = csv_cells(Line(raw, number))
                row = csv_row(cells)
                if not found.startswith(row):
                    self._say_where(found, row, cells, number)
                found = found[len(row) :]
                self.row += row.count(b"\n")
        self.row += rows.count(b"\n")

    def _compare_digests(self):
        for name, found in self.digests.items():
            number, told = self.sums.get(name, (0, found.hexdigest()))
            if found.hexdigest() != told:
                raise self._odd_line() or Broken(SUMS, number, f"it is not the digest of {name}")

    def _explain_purges(self):
        """Values may be missing only where an event of the trail itself, a tombstone, says that retention took them."""
        for first, last, count in self.purges.unexplained():
            if first == last:
                why = "its values are missing, and no event says that they were purged"
            else:
                why = f"from here to position {last:,} the values of {count:,} more are missing than events say"
            raise Broken(EVENTS, self._line_at(first), why, "fields")

    def _line_at(self, position):
        """The line of the first event from ``position`` on whose values are missing."""
        with (self.folder / EVENTS).open("rb") as events:
            lines = (Line(raw, place) for place, raw in enumerate(events, 1))
            return next(line.place for line in lines if line.position >= position and line.fields is None)

    def _say_where(self, found, row, cells, place):
        """Name line and column of the sheet that differ from what the event says."""
        same = row[: next((at for at, (one, other) in enumerate(zip(found, row)) if one != other), len(found))]
        end, column = 0, ""
        for name, cell in zip(COLUMNS, cells):
            column, end = name, end + len(cell.encode()) + 1
            if len(same) < end:
                break
        raise Broken(SHEET, self.row + same.count(b"\n"), f"it differs from line {place} of {EVENTS}", column)

    def _odd_line(self):
        """The first line that means what it should and is not written as Galaxy writes it, else None."""
        with (self.folder / EVENTS).open("rb") as events:
            for place, raw in enumerate(events, 1):
                if not _LAYOUT.match(raw.decode(errors="replace")):
                    return Broken(EVENTS, place, "it was changed in a way that leaves its meaning")
        return None


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", help="the unpacked pack")
    parser.add_argument("--key", default="", help="the key you noted; without it, those in the pack are believed")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, metavar="N", help="how many share the work (%(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        found = Pack(options.directory, options.key).verify(processes=options.processes)
    except Broken as broken:
        print(f"FAIL {broken}")
        return 1
    except Exception as error:  # whatever a forged pack leads to, it is no PASS
        print(f"FAIL it cannot be read as a pack ({type(error).__name__}: {error})")
        return 1
    print("PASS")
    for line in sentences(found):
        print(f"  {line}")
    if not options.key:
        print("  The key came with the pack: compare it with one you noted yourself, or give that one with --key.")
    return 0


def sentences(found):
    """What a report says, for people."""
    events, size = found["events"], found["size"]
    yield f"{events:,} events of {found['origin']}, from a tree of {size:,}."
    yield f"{found['opened']:,} values open their commitments; {found['left_out']:,} were left out."
    if events and found["last"] - found["first"] + 1 == events:
        yield f"Nothing is missing between positions {found['first']:,} and {found['last']:,}."
    else:
        yield f"Chosen by {found['filter'] or 'nothing'}: other events may lie between them."
    if found["purged"]:
        yield f"Retention took the values of {found['purged']:,}, as {found['tombstones']:,} events among these say."
    yield f"The checkpoint of {found['time']} is signed by key {found['key'][:12]}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
