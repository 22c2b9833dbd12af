"""Putting into a card what differs by workspace: whether it is installed, what an update wants, and why it is here."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from galaxy.core.templatetags.ui import badge
from galaxy.core.ui.icons import icon
from marketplace.search.engine import Hit
from registry.asks import short_words


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


def fill(hits: Sequence[Hit], slots: Slots) -> list[FilledCard]:
    """Every part of a card was escaped when it was written, and what goes in between is escaped here."""
    return [FilledCard(hit, mark_safe("".join(_filled(hit, slots)))) for hit in hits if hit.parts]  # noqa: S308


def _filled(hit: Hit, slots: Slots) -> list[str]:
    start, before_home, before_wants, before_why, before_state, end = hit.parts or []
    return [
        start,
        " is-widening" if hit.wants else "",
        before_home,
        f"{slots.home}marketplace/",
        before_wants,
        _wants(hit),
        before_why,
        _why(hit),
        before_state,
        _state(hit, slots),
        end,
    ]


def _wants(hit: Hit) -> str:
    if not hit.wants:
        return ""
    words = escape(short_words(hit.wants))
    return f'<p class="widen">{_WARN}<span>{escape(hit.number)} wants more: <b>{words}</b></span></p>'


def _why(hit: Hit) -> str:
    """The parts of the score, which add up to it; nothing where only one thing decides, as in the order by name."""
    parts = "".join(
        f"<li><span>{escape(part.name)}: {escape(part.why)}</span> <b>{part.points}</b></li>" for part in hit.why
    )
    return (
        f'<details class="why"><summary>Why here<span class="sr">: {escape(hit.name)}</span></summary><ul>{parts}'
        f"<li><span>Together</span> <b>{hit.score}</b></li></ul></details>"
    )


def _state(hit: Hit, slots: Slots) -> str:
    name, slug = escape(hit.name), escape(hit.slug)
    listing = f"{slots.home}marketplace/{slug}/"
    if hit.installation_id is not None:
        installation = f"{slots.home}installed/{hit.installation_id}/"
        if hit.held is None:
            return f"{_INSTALLED}{_button(installation, 'Manage', name, 'btn-quiet')}"
        update = badge("warn", f"Update to {hit.number}", "arrow-up")
        return f"{update}{_button(f'{installation}version/', 'Review', name, 'btn-primary')}"
    if hit.is_asked:
        return f"{_ASKED}{_button(listing, 'View', name, 'btn-quiet')}"
    if not slots.may_install:
        return _button(listing, "View", name, "btn-quiet")
    return _button(f"{listing}install/", "Install…", name, "")


def _button(url: str, word: str, name: str, kind: str) -> str:
    classes = f"btn {kind} btn-s" if kind else "btn btn-s"
    return f'<a class="{classes}" href="{url}" aria-label="{word.rstrip("…")} {name}">{word}</a>'


_WARN = icon("triangle-alert")
_INSTALLED = badge("ok", "Installed")
_ASKED = badge("warn", "Needs approval", "clock")
