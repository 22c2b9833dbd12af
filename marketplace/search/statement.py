"""The one statement that a page of results is read by: cards, counts of the facets, and what the workspace has of each.

It is put together from parts by what was asked for, so there are few shapes, and PostgreSQL plans each of them once for
a connection. What somebody typed only ever goes in as a parameter. Each row says in ``what`` what it is: ``card`` a
result, in order; ``count`` how many results (``points``) have each tag of ``parts``, and ``other`` how many would have
it if nothing were chosen of the facet ``slug``; ``state`` (in ``points``) how many are installed and wait for an
update; ``end`` how many there are. The tiers that were looked through stand in ``n`` of counts, and of ``end`` in
``points`` for what comes next and in ``value`` for what it counts.
"""

import re
from collections import namedtuple
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

from django.db.models import F

from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can, held_on
from marketplace.search.models import TIERS
from marketplace.search.places import BEST, Place
from marketplace.search.scoring import MATCH
from policies.models import Change
from registry.models import Installation

LOCALE = "en"
PAGE = 24
ENOUGH = 120  # results that are ranked together
Row = namedtuple(
    "Row",
    "what listing_id extension_id slug name level number parts match points value n installation_id held wants "
    "is_asked ended needs",
)
STATES = {
    "installed": "h.installation_id IS NOT NULL",
    "waiting": "(h.installation_id IS NOT NULL AND e.sort_key > h.sort_key)",
    "available": "h.installation_id IS NULL",
}
# (columns with the types of their values in a place, whether the order descends)
ORDERS = {
    BEST: ({"score": "int", "listing_id": "uuid"}, True),
    "name": ({"name_key": "text", "listing_id": "uuid"}, False),
    "newest": ({"published_at": "timestamptz", "listing_id": "uuid"}, True),
    "used": ({"installs": "int", "listing_id": "uuid"}, True),
    "reach": ({"reach": "smallint", "name_key": "text", "listing_id": "uuid"}, False),
}
# What a row is ranked, counted and ordered by. All else is read of the cards of the page alone.
_NARROW = "e.listing_id, e.extension_id, e.sort_key, e.tags"
_ENTRY = f"{_NARROW}, e.quality, e.search, e.name_key, e.published_at, e.installs, e.reach"
# One by one: OFFSET keeps PostgreSQL from reading the whole table for a join with some of it.
_BY_KEY = "SELECT * FROM marketplace_publicentry p WHERE p.listing_id = f.listing_id OFFSET 0"
_FITS = "(numnode(a.wanted) = 0 OR e.search @@ a.wanted)"
# Lists stand here too: where PostgreSQL saw how long they are, it made a plan of its own for each search.
_ASKED = """asked AS MATERIALIZED (
    SELECT u[1] && tags AS wanted, u[1] AS said, u[2] AS named, u[3] AS told, u[4] AS doing, tags,
        %(signs)s::text[] AS signs, %(without)s::text[] AS without
    FROM (SELECT marketplace_understood(%(words)s::text[], %(phrases)s::text[]) AS u, %(tags)s::tsquery AS tags) one
)"""
_RANKED = """SELECT f.* FROM asked a, marketplace_ranked(
        a.said, a.named, a.told, a.doing, a.tags, %(key)s, {first}, {named_to}, %(enough)s::int) f"""
_BY_HAND = f"""SELECT e.listing_id, NULL::int AS upto, NULL::int AS named_upto
    FROM asked a, here h JOIN marketplace_publicentry e ON e.extension_id = h.extension_id WHERE {_FITS}
    UNION ALL SELECT NULL, {TIERS}, {TIERS}"""
_IN_ORDER = """SELECT f.listing_id FROM asked a, marketplace_in_order(a.wanted, %(order)s, %(back)s::bool,
        %(value)s::text, %(name)s::text, %(id)s::uuid, %(most)s::int + (SELECT count(*) FROM here)::int) f"""
_MATCH = """CASE WHEN numnode(a.said) = 0 THEN '' WHEN e.name_key = %(key)s THEN 'exact'
        WHEN e.search @@ a.named THEN 'name' WHEN e.search @@ a.told THEN 'summary'
        WHEN e.search @@ a.doing THEN 'actions' ELSE 'anywhere' END AS match"""
_PRIVATE = f"""UNION ALL SELECT {{columns}} FROM asked a, marketplace_privateentry e
        WHERE e.workspace_id = %(workspace)s AND {_FITS}"""
_HELD = "h.installation_id, h.held, h.sort_key AS held_key, h.scopes AS held_scopes"
_POINTS = " ".join(f"WHEN '{match}' THEN {number}" for match, number in MATCH.items())
_SCORE = f"(e.quality + CASE e.match {_POINTS} ELSE 0 END)::int AS score"
_SCORED = f"""SELECT {_NARROW}, e.match, {_SCORE}, {_HELD}
    FROM (SELECT {_NARROW}, e.quality, e.match FROM {{found}} e WHERE e.listing_id IS NOT NULL {{private}}) e
    LEFT JOIN here h ON h.extension_id = e.extension_id WHERE {{state}}"""
_LOOKED_UP = f"""SELECT {_NARROW}, e.name_key, e.published_at, e.installs, e.reach, e.match, {_SCORE}, {_HELD}
    FROM (SELECT e.*, {_MATCH} FROM asked a CROSS JOIN (
            SELECT {_ENTRY} FROM {{found}} f CROSS JOIN LATERAL ({_BY_KEY}) e {_PRIVATE.format(columns=_ENTRY)}) e) e
    LEFT JOIN here h ON h.extension_id = e.extension_id WHERE {{state}}"""
_OF_CARD = """e.slug, e.name, e.level, e.number, e.kind, e.used, e.trust, e.health, e.fresh, e.installs AS installed"""
_CARDS = f"""SELECT 'card', p.listing_id, p.extension_id, e.slug, e.name, e.level, e.number, c.parts, p.match,
    ARRAY[e.used, e.trust, e.health, e.fresh, e.installed, p.score]::int[], p.{{value}}::text, NULL::bigint,
    p.installation_id, CASE WHEN p.sort_key > p.held_key THEN p.held END,
    CASE WHEN p.sort_key > p.held_key THEN ARRAY(
        SELECT s FROM marketplace_listing l, jsonb_array_elements_text(l.scopes) s
        WHERE l.id = p.listing_id AND NOT jsonb_exists(p.held_scopes, s) ORDER BY s) END,
    EXISTS ({{asked}}),
    (SELECT CASE WHEN v.quarantine <> '' THEN 'quarantined' WHEN v.status <> 'published' THEN v.status END
        FROM marketplace_listing l JOIN registry_version v ON v.id = l.version_id WHERE l.id = p.listing_id),
    CASE WHEN e.kind = 'pack' THEN {{needs}} END
    FROM (SELECT * FROM {{source}} p {{where}} ORDER BY {{order}} LIMIT %(most)s::int) p
    CROSS JOIN LATERAL (
        SELECT {_OF_CARD} FROM marketplace_publicentry e WHERE e.listing_id = p.listing_id
        UNION ALL SELECT {_OF_CARD} FROM marketplace_privateentry e
        WHERE e.listing_id = p.listing_id AND e.workspace_id = %(workspace)s) e
    LEFT JOIN marketplace_card c ON c.listing_id = p.listing_id AND c.locale = %(locale)s
    ORDER BY {{order}}"""
# What a pack requires: [its name, the range, the number that is held here or null]. Only of packs is the manifest read.
_NEEDS = """(SELECT jsonb_agg(jsonb_build_array(coalesce(x.name, r.key), r.value, x.held) ORDER BY r.key)
        FROM marketplace_listing l JOIN registry_version v ON v.id = l.version_id
        CROSS JOIN LATERAL jsonb_each_text(v.manifest -> 'requires') r
        LEFT JOIN LATERAL (
            SELECT x.name, h.held FROM registry_extension x LEFT JOIN here h ON h.extension_id = x.id
            WHERE x.slug = r.key ORDER BY h.held IS NULL, x.workspace_id NULLS LAST LIMIT 1
        ) x ON true
        WHERE l.id = p.listing_id)"""
_LOOKED = "(SELECT max(upto) FROM {found})"
# Tags stand side by side with their numbers: a row for each would cost more to read than to count.
_COUNT = """SELECT 'count', NULL, NULL, NULL, NULL, NULL, NULL, array_agg(t), NULL, array_agg(number), NULL,
    {looked}, NULL, NULL, NULL, NULL, NULL, NULL
    FROM (SELECT t::text, count(*)::int AS number FROM base, unnest(tags) t GROUP BY t) one"""
_OTHERS = """SELECT 'other', NULL, NULL, o.sign, NULL, NULL, NULL, array_agg(o.t) FILTER (WHERE o.t IS NOT NULL), NULL,
    array_agg(o.number) FILTER (WHERE o.t IS NOT NULL), NULL, max(o.upto), NULL, NULL, NULL, NULL, NULL, NULL
    FROM (SELECT one.sign, one.t, sum(one.n)::int AS number, max(one.upto) AS upto FROM ({found}
        UNION ALL SELECT s.sign, NULL, t, 1
        FROM asked a, unnest(a.signs, a.without) s(sign, tags), marketplace_privateentry e, unnest(e.tags) t
        WHERE e.workspace_id = %(workspace)s AND starts_with(t, s.sign)
        AND (numnode(a.said && s.tags::tsquery) = 0 OR e.search @@ (a.said && s.tags::tsquery))
    ) one GROUP BY one.sign, one.t) o GROUP BY o.sign"""
_OTHERS_FOUND = """SELECT s.sign, f.upto, f.tag AS t, f.number AS n
        FROM asked a, unnest(a.signs, a.without) s(sign, tags),
            marketplace_tagged(a.said && s.tags::tsquery, s.sign, %(enough)s::int) f"""
_OTHERS_BY_HAND = f"""SELECT s.sign, {TIERS} AS upto, t, 1 AS n
        FROM asked a, unnest(a.signs, a.without) s(sign, tags), here h
        JOIN marketplace_publicentry e ON e.extension_id = h.extension_id, unnest(e.tags) t
        WHERE starts_with(t, s.sign)
        AND (numnode(a.said && s.tags::tsquery) = 0 OR e.search @@ (a.said && s.tags::tsquery))"""
_STATES = f"""SELECT 'state', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ARRAY[
        count(*), count(*) FILTER (WHERE s.sort_key > s.held_key)]::int[], NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL
    FROM (SELECT h.sort_key AS held_key, e.sort_key FROM asked a, here h
        JOIN marketplace_publicentry e ON e.extension_id = h.extension_id WHERE {_FITS}
        UNION ALL SELECT h.sort_key, e.sort_key FROM asked a, here h
        JOIN marketplace_privateentry e ON e.extension_id = h.extension_id
        WHERE e.workspace_id = %(workspace)s AND {_FITS}) s"""


@dataclass(frozen=True)
class Asked:
    """``others`` are (sign of a facet, the tsquery of what is chosen of all the others), where something is chosen."""

    words: tuple[str, ...]
    phrases: tuple[str, ...]
    key: str
    tags: str
    others: tuple[tuple[str, str], ...]
    states: frozenset[str]
    order: str
    place: Place


def statement(asked: Asked, workspace: Workspace, user: User) -> tuple[str, list[Any]]:
    """SQL and its parameters, in order."""
    place = asked.place
    values: dict[str, Any] = {
        "words": list(asked.words),
        "phrases": list(asked.phrases),
        "key": asked.key,
        "tags": asked.tags,
        "signs": [sign for sign, _ in asked.others],
        "without": [tags for _, tags in asked.others],
        "workspace": workspace.pk,
        "locale": LOCALE,
        "enough": ENOUGH,
        "most": PAGE + 1,
        "order": asked.order,
        "back": place.back,
        "value": place.value or None,
        "name": place.name or None,
        "id": place.id,
        "first": place.first,
        "named_to": place.named_to,
    }
    for prefix, (sql, given) in zip("hw", _of_workspace(workspace, user), strict=True):
        values |= {f"{prefix}{at}": value for at, value in enumerate(given)}
        values[prefix] = _named(sql, prefix)
    shape = (asked.order, bool(asked.others), asked.states, place.id is not None, place.back, place.first > 1)
    sql, names = _written(values.pop("h"), values.pop("w"), *shape)
    return sql, [values[name] for name in names]


@lru_cache(maxsize=512)
def _written(
    here: str, waiting: str, order: str, others: bool, states: frozenset[str], is_placed: bool, back: bool, deeper: bool
) -> tuple[str, list[str]]:
    """The statement of one shape, and the names of its parameters by place, as a cursor takes them that lets PostgreSQL
    keep its plan."""
    by_hand = bool(states) and "available" not in states
    parts = {"here": here, "asked": ""}
    if by_hand:
        parts |= {"basis": _BY_HAND, "base": _looked_up("basis", states)}
    else:
        parts |= {"basis": _RANKED.format(first="1", named_to="0"), "base": _scored("basis", states, private=True)}
    source, looked = "base", "basis"
    if order != BEST and not by_hand:
        parts |= {"found": _IN_ORDER, "shown": _looked_up("found", states)}
        source = "shown"
    elif order == BEST and deeper:
        parts |= {"found": _RANKED.format(first="%(first)s::int", named_to="%(named_to)s::int")}
        parts |= {"shown": _scored("found", states, private=False)}
        source, looked = "shown", "found"
    by, where = _within(order, is_placed, back)
    cards = _cards(by, where, order, source, waiting)
    selects = [cards, *_counts(others, by_hand), _end(looked, source, None if back else where)]
    with_ = ", ".join(_ASKED if name == "asked" else f"{name} AS MATERIALIZED ({sql})" for name, sql in parts.items())
    sql = f"WITH {with_} {' UNION ALL '.join(f'({one})' for one in selects)}"
    return re.sub(r"%\(\w+\)s", "%s", sql), re.findall(r"%\((\w+)\)s", sql)


def _scored(found: str, states: frozenset[str], *, private: bool) -> str:
    own = _PRIVATE.format(columns=f"{_NARROW}, e.quality, {_MATCH}") if private else ""
    return _SCORED.format(found=found, private=own, state=_state(states))


def _looked_up(found: str, states: frozenset[str]) -> str:
    return _LOOKED_UP.format(found=found, state=_state(states))


def _state(states: frozenset[str]) -> str:
    return " OR ".join(STATES[one] for one in sorted(states)) or "true"


def _cards(by: str, where: str, order: str, source: str, waiting: str) -> str:
    value = next(iter(ORDERS[order][0]))
    return _CARDS.format(asked=waiting, needs=_NEEDS, source=source, where=where, order=by, value=value)


def _within(order: str, is_placed: bool, back: bool) -> tuple[str, str]:
    """(what the cards are sorted by, the condition that keeps those past the place)"""
    columns, descends = ORDERS[order]
    falls = descends != back
    by = ", ".join(f"p.{column}{' DESC' if falls else ''}" for column in columns)
    if not is_placed:
        return by, ""
    given = {"listing_id": "id"} | ({"name_key": "name"} if "reach" in columns else {})
    values = ", ".join(f"%({given.get(column, 'value')})s::text::{type}" for column, type in columns.items())
    return by, f"WHERE ({', '.join(columns)}) {'<' if falls else '>'} ({values})"


def _counts(others: bool, by_hand: bool) -> list[str]:
    counts = [_COUNT.format(looked=_LOOKED.format(found="basis"))]
    if others:
        counts.append(_OTHERS.format(found=_OTHERS_BY_HAND if by_hand else _OTHERS_FOUND))
    return [*counts, _STATES]


def _end(found: str, source: str, where: str | None) -> str:
    """``n`` counts what is under all filters; ``slug`` is set where there is more below the tiers looked through, which
    is asked only where nothing that was gathered comes after this page. ``where`` keeps what does, None for nothing."""
    is_last = "true" if where is None else f"(SELECT count(*) FROM {source} p {where}) <= {PAGE}"
    more = f"""CASE WHEN max(f.upto) < {TIERS} AND {is_last}
        AND marketplace_more_below((SELECT wanted FROM asked), max(f.upto)) THEN 'more' END"""
    return (
        f"SELECT 'end', NULL, NULL, {more}, NULL, NULL, NULL, NULL, NULL, ARRAY[max(f.upto), max(f.named_upto)], "
        f"(SELECT max(upto) FROM basis)::text, (SELECT count(*) FROM base), NULL, NULL, NULL, NULL, NULL, NULL "
        f"FROM {found} f"
    )


_kept: dict[tuple, list[tuple[str, tuple[Any, ...]]]] = {}
MOST_KEPT = 2_000


def _of_workspace(workspace: Workspace, user: User) -> list[tuple[str, tuple[Any, ...]]]:
    """``_here`` and ``_asked_for`` as SQL, which follow from who asks and what they hold: written once for these."""
    key = (workspace.pk, user.pk, held_on(user, workspace))
    if key not in _kept:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = [_here(workspace, user), _asked_for(workspace, user)]
    return _kept[key]


def _here(workspace: Workspace, user: User) -> tuple[str, tuple[Any, ...]]:
    """What the workspace has installed, as far as ``user`` may see it."""
    rows = Installation.objects.in_workspace(workspace).visible_to(user, within=workspace).active().order_by()
    columns = {
        "installation_id": F("pk"),
        "held": F("pin__version__number"),
        "sort_key": F("pin__version__sort_key"),
    }
    return rows.values("extension_id", "scopes", **columns).query.sql_with_params()


def _asked_for(workspace: Workspace, user: User) -> tuple[str, tuple[Any, ...]]:
    """Whether somebody waits for a yes to install it: of all, or their own requests, as ``user`` may see."""
    rows = Change.objects.in_workspace(workspace).filter(state=Change.State.WAITING, kind=Change.Kind.INSTALL)
    if not any(can(user, f"core.{one}_approval", workspace) for one in ("view", "decide")):
        rows = rows.filter(asked_by=user)
    sql, values = rows.order_by().values("pk").query.sql_with_params()
    return f"{sql} AND extension_id = p.extension_id", values


def _named(sql: str, prefix: str) -> str:
    """Django's SQL with its parameters named, to stand among the others."""
    numbers = count()
    return re.sub("%s", lambda found: f"%({prefix}{next(numbers)})s", sql)
