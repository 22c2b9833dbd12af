"""Putting into a card what differs by workspace: whether it is installed, what an update wants, and why it is here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape  # what Django's escapes by; that asks of each word besides whether it is lazy
from uuid import UUID

from django.utils.safestring import SafeString, mark_safe

from galaxy.core.templatetags.ui import badge
from galaxy.core.ui.icons import icon
from marketplace.search.engine import Hit
from marketplace.search.scoring import Part
from registry.asks import short_words
from registry.standing import NO_DATA, Standing


@dataclass(frozen=True)
class Slots:
    """What is the same for all cards of a page. ``home`` is the address of the workspace; ``may_install``: the
    reader may install."""

    home: str
    may_install: bool


@dataclass(frozen=True)
class FilledCard:
    """A result and its finished HTML."""

    hit: Hit
    html: SafeString


def fill(hits: Sequence[Hit], slots: Slots, standings: Mapping[UUID, Standing]) -> list[FilledCard]:
    """Every part of a card was escaped when it was written, and what goes in between is escaped here.

    ``standings`` tell how what is installed fares, by installation.
    """
    cards = [(hit, _filled(hit, slots, standings)) for hit in hits if hit.parts]
    return [FilledCard(hit, mark_safe("".join(parts))) for hit, parts in cards]  # noqa: S308


def _filled(hit: Hit, slots: Slots, standings: Mapping[UUID, Standing]) -> list[str]:
    standing = standings.get(hit.installation_id) if hit.installation_id else None
    start, before_home, before_wants, before_why, before_state, end = hit.parts or []
    return [
        start,
        " is-widening" if hit.wants and not hit.ended else "",
        before_home,
        f"{slots.home}marketplace/",
        before_wants,
        _ended(hit) + _wants(hit) + _needs(hit) + _health(hit, standing),
        before_why,
        _why(hit),
        before_state,
        _state(hit, slots),
        end,
    ]


def _ended(hit: Hit) -> str:
    """That what it offers is not installed any more, before somebody tries."""
    if hit.ended not in _ENDS:
        return ""
    mark, says = _ENDS[hit.ended]
    return f'<p class="mark">{mark}<span>{escape(hit.number)} {says}</span></p>'


def _wants(hit: Hit) -> str:
    if not hit.wants or hit.ended:
        return ""
    words = escape(short_words(hit.wants))
    return f'<p class="widen">{_WARN}<span>{escape(hit.number)} wants more: <b>{words}</b></span></p>'


def _needs(hit: Hit) -> str:
    """What a pack requires and this workspace lacks, or has at a version that does not fit."""
    if not hit.needs:
        return ""
    lacking = ", ".join(escape(one.name) for one in hit.needs if one.held is None)
    others = ", ".join(f"{escape(one.name)} {escape(one.held)}" for one in hit.needs if one.held and not one.is_met)
    said = f'<p class="asks">{_LACKS}<span>Not here yet: <b>{lacking}</b></span></p>' if lacking else ""
    return said + (f'<p class="widen">{_WARN}<span>Does not fit: <b>{others}</b></span></p>' if others else "")


def _health(hit: Hit, standing: Standing | None) -> str:
    """How what is installed fares, with the reason where somebody has to do something."""
    if standing is None or (standing.state is NO_DATA and standing.flag is None):
        return ""
    state = standing.state
    mark = badge("warn", "Fails more", "trending-down") if standing.flag else badge(state.tone, state.label, state.icon)
    why = standing.flag.sentence if standing.flag else standing.why if standing.is_unhealthy else ""
    name = f'<span class="sr"> Health of {escape(hit.name)}</span>'
    return f'<p class="mark"><a href="{escape(standing.url)}">{mark}{name}</a><span>{escape(why)}</span></p>'


def _why(hit: Hit) -> str:
    """The parts of the score, which add up to it; nothing where only one thing decides, as in the order by name."""
    parts = "".join(map(_part, hit.why))
    return (
        f'<details class="why"><summary>Why here<span class="sr">: {escape(hit.name)}</span></summary><ul>{parts}'
        f"<li><span>Together</span> <b>{hit.score}</b></li></ul></details>"
    )


@lru_cache(maxsize=4096)
def _part(part: Part) -> str:
    """The same few hundred stand beside every result."""
    return f"<li><span>{escape(part.name)}: {escape(part.why)}</span> <b>{part.points}</b></li>"


def _state(hit: Hit, slots: Slots) -> str:
    name, slug = escape(hit.name), escape(hit.slug)
    listing = f"{slots.home}marketplace/{slug}/"
    if hit.installation_id is not None:
        installation = f"{slots.home}installed/{hit.installation_id}/"
        if hit.held is None or hit.ended:
            return f"{_INSTALLED}{_button(installation, 'Manage', name, 'btn-quiet')}"
        update = badge("warn", f"Update to {hit.number}", "arrow-up")
        return f"{update}{_button(f'{installation}version/', 'Review', name, 'btn-primary')}"
    if hit.is_asked:
        return f"{_ASKED}{_button(listing, 'View', name, 'btn-quiet')}"
    if hit.ended or not slots.may_install:
        return _button(listing, "View", name, "btn-quiet")
    return _button(f"{listing}install/", "Install…", name, "")


def _button(url: str, word: str, name: str, kind: str) -> str:
    classes = f"btn {kind} btn-s" if kind else "btn btn-s"
    return f'<a class="{classes}" href="{url}" aria-label="{word.rstrip("…")} {name}">{word}</a>'


_WARN = icon("triangle-alert")
_LACKS = icon("circle-dashed")
_ENDS = {
    "quarantined": (badge("bad", "In quarantine", "shield-alert"), "is being looked into; nobody installs it."),
    "deprecated": (badge("warn", "Deprecated", "clock"), "comes to its end; nobody installs it any more."),
    "yanked": (badge("bad", "Yanked", "x"), "was taken back; nobody installs it any more."),
}
_INSTALLED = badge("ok", "Installed")
_ASKED = badge("warn", "Needs approval", "clock")
