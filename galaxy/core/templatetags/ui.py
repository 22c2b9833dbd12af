"""The console's vocabulary in templates: ``{% load ui %}``. Each name is shown on ``/patterns/``.

Every value a template passes in is escaped; what comes out is markup made by ``format_html``.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django import template
from django.core.paginator import Page
from django.http import HttpRequest
from django.template.context import Context
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from galaxy.core import fonts, shell_parts
from galaxy.core.ui import charts, drawings, fields, glyphs, icons, payloads, proof_path, words

register = template.Library()

register.simple_tag(icons.icon, name="icon")
register.simple_tag(glyphs.glyph, name="glyph")
register.simple_tag(drawings.waterfall_bar, name="wf")
register.simple_tag(drawings.ruler, name="ruler")
register.simple_tag(drawings.progress_bar, name="progress")
register.simple_tag(drawings.columns, name="columns")
register.simple_tag(drawings.bars, name="bars")
register.simple_tag(charts.sparkline, name="spark")
register.simple_tag(proof_path.proof_path, name="proof_path")
register.simple_tag(fields.field_view, name="field_view")
register.simple_tag(fonts.links, name="font_links")
register.simple_tag(shell_parts.shell_part, takes_context=True, name="shell_part")
register.filter("duration", words.duration)
register.filter("relative", words.relative)
register.filter("browser", words.browser)
register.filter("coded", words.coded)
register.filter("pretty_json", payloads.highlight)


# --- Words that carry a state ----------------------------------------------------------------------------------


@register.simple_tag
def badge(tone: str, word: str, shape: str | None = None) -> SafeString:
    """A tinted word. ``tone``: ok, warn, bad, info, sim, line, plain or "". ``shape`` is an icon, "" for none."""
    return _badge(tone, word, words.SHAPES.get(tone, "") if shape is None else shape)


@register.simple_tag
def status(value: str, label: str = "") -> SafeString:
    """The badge of a stored state, such as ``pending``; ``label`` is its display word."""
    tone = words.tone_of(value)
    variant = f"{tone.name} badge-live" if value in words.LIVE_STATUSES else tone.name
    return _badge(variant, label or words.WORDS.get(value) or value.replace("_", " ").capitalize(), tone.icon)


@register.simple_tag
def seal(level: str) -> SafeString:
    """Verification level of an extension: community, verified or enterprise."""
    marks = {"verified": "badge-check", "enterprise": "shield-check"}
    shape = icons.icon(marks[level]) if level in marks else ""
    return format_html('<span class="seal{}">{}{}</span>', "" if shape else " seal-none", shape, level.capitalize())


@register.simple_tag
def tag(text: str) -> SafeString:
    """A machine word: a scope, a host, a data class."""
    return format_html('<span class="tag">{}</span>', text)


@register.simple_tag
def tags(texts: Iterable[str]) -> SafeString:
    return format_html('<span class="tags">{}</span>', format_html_join("", '<span class="tag">{}</span>', zip(texts)))


@register.simple_tag
def avatar(name: str, agent: bool = False) -> SafeString:
    """Initials of a person, or the sign for an agent; the name itself stands beside it."""
    inner = icons.icon("bot") if agent else words.initials(name)
    return format_html('<span class="avatar{}" aria-hidden="true">{}</span>', " avatar-agent" if agent else "", inner)


@register.simple_tag
def time(moment: datetime | None, exact: bool = False) -> SafeString:
    """A moment in relative words, with its UTC time in ``datetime``; the exact time, in the reader's zone, stands on
    hover, and with ``exact`` in the open."""
    if moment is None:
        return SafeString('<span class="muted">never</span>')
    utc, local = moment.astimezone(UTC), timezone.localtime(moment)
    full = f"{local.isoformat(' ', 'seconds')[:19]} {local.tzname()}"
    return format_html(
        '<time datetime="{}Z" title="{}">{}</time>',
        utc.isoformat("T", "seconds")[:19],
        full,
        full if exact else words.relative(moment),
    )


@register.simple_tag
def when(moment: datetime) -> SafeString:
    """A moment to come, as one says it: ``4 Dec 2026, 19:00 UTC``, in the reader's zone."""
    words_of_it = f"{timezone.localtime(moment):%-d %b %Y, %H:%M %Z}"
    return format_html('<time datetime="{}">{}</time>', f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", words_of_it)


@register.simple_tag
def day(moment: datetime) -> SafeString:
    """The day of a moment, in UTC: for what is written down and read later, when "3 days ago" would be wrong."""
    utc = moment.astimezone(UTC)
    return format_html('<time datetime="{}">{}</time>', f"{utc:%Y-%m-%d}", f"{utc:%-d %b %Y}")


@register.simple_tag
def marked(text: str, words: Iterable[str]) -> SafeString:
    """``text`` with the first place of each of ``words`` marked, whatever the case."""
    spans: list[tuple[int, int]] = []
    for word in words:
        found = re.search(re.escape(word), text, re.IGNORECASE)  # small letters may be more or fewer
        if found and not any(start < found.end() and found.start() < end for start, end in spans):
            spans.append(found.span())
    parts, done = [], 0
    for start, end in sorted(spans):
        parts += [format_html("{}<mark>{}</mark>", text[done:start], text[start:end])]
        done = end
    return format_html_join("", "{}", [*((part,) for part in parts), (text[done:],)])


# --- Controls --------------------------------------------------------------------------------------------------


@register.simple_tag
def btn(
    label: str, kind: str = "", icon: str = "", href: str = "", key: str = "", small: bool = False, **attrs
) -> SafeString:
    """A button, or with ``href`` a link that looks like one.

    ``kind``: primary, danger, danger-solid, quiet, ghost, sim or "" (outline). ``key`` shows a shortcut. Further
    names become attributes, ``_`` read as ``-``: ``hx_post=url``, ``name="decision"``, ``aria_label="…"``; True
    stands for a bare attribute, False and None leave it out. Buttons are ``type="button"`` unless told otherwise.
    """
    classes = " ".join(["btn", *(f"btn-{word}" for word in kind.split()), *(["btn-s"] if small else [])])
    inner = format_html(
        "{}{}{}", icons.icon(icon) if icon else "", label, format_html(" <kbd>{}</kbd>", key) if key else ""
    )
    if href:
        return format_html('<a class="{}" href="{}"{}>{}</a>', classes, href, _attributes(attrs), inner)
    return format_html('<button class="{}"{}>{}</button>', classes, _attributes({"type": "button"} | attrs), inner)


@register.simple_tag
def ibtn(icon: str, label: str, kind: str = "ghost", href: str = "", small: bool = False, **attrs) -> SafeString:
    """A button that is only an icon; ``label`` is its accessible name."""
    return btn("", f"icon {kind}", icon, href, small=small, aria_label=label, title=label, **attrs)


@register.simple_tag
def copy(text: str, shown: str = "", name: str = "") -> SafeString:
    """A machine word with a button that copies it; ``shown`` is a shortened form, ``name`` says what it is."""
    return format_html(
        '<span class="copy"><code title="{}">{}</code>{}</span>',
        text,
        shown or text,
        ibtn("copy", f"Copy {name or shown or text}", small=True, data_copy=text),
    )


@register.simple_tag(takes_context=True)
def sort_th(context: Context, label: str, name: str, current: str, numeric: bool = False) -> SafeString:
    """A table heading that sorts. ``current`` is the first value of ``http.requested_sort``; the link keeps the
    other query parameters and goes back to page 1. Numbers and times start at the high end."""
    descending = current == f"-{name}"
    active = descending or current == name
    target = name if descending else f"-{name}" if active or numeric else name
    order = format_html(' aria-sort="{}"', "descending" if descending else "ascending") if active else ""
    shape = "arrow-down" if descending or (numeric and not active) else "arrow-up"
    return format_html(
        '<th scope="col"{}{}><a href="?{}">{}{}</a></th>',
        SafeString(' class="n"') if numeric else "",
        order,
        _query(context["request"], sort=target, page=None),
        label,
        icons.icon(shape, "s"),
    )


@register.simple_tag
def crumb(label: str, href: str = "") -> SafeString:
    """One step of the breadcrumb; the page itself has no ``href``."""
    if href:
        return format_html('<li><a href="{}">{}</a></li>', href, label)
    return format_html('<li><span aria-current="page">{}</span></li>', label)


@register.inclusion_tag("ui/_pager.html", takes_context=True)
def pagination(context: Context, page: Page, noun: str = "") -> dict[str, Any]:
    """Where one stands in a list and the way on; links keep the other query parameters."""
    request = context["request"]
    return {
        "page": page,
        "noun": _ONE.get(noun, noun.removesuffix("s")) if page.paginator.count == 1 else noun,
        "previous": _query(request, page=page.previous_page_number()) if page.has_previous() else "",
        "next": _query(request, page=page.next_page_number()) if page.has_next() else "",
    }


_ONE = {"people": "person", "policies": "policy"}


# --- Figures ---------------------------------------------------------------------------------------------------


@register.inclusion_tag("ui/_chart.html")
def chart(drawn: charts.Chart) -> dict[str, Any]:
    """A chart with its sentence, and the same as a table."""
    return {"chart": drawn, "legend": charts.legend(drawn)}


@register.simple_tag
def fact(term: str, value: Any) -> SafeString:
    """One row of a ``<dl class="facts">``."""
    return format_html("<div><dt>{}</dt><dd>{}</dd></div>", term, value)


@register.simple_tag
def facts(rows: Iterable[tuple[str, Any]], variant: str = "") -> SafeString:
    """Pairs of term and value. ``variant``: "1" is one column, "tight" a narrow first column, or both."""
    classes = " ".join(["facts", *(f"facts-{word}" for word in variant.split())])
    return format_html('<dl class="{}">{}</dl>', classes, format_html_join("", "{}", ((fact(*row),) for row in rows)))


@register.simple_tag
def stat(term: str, value: Any, unit: str = "", note: str = "") -> SafeString:
    """One figure of a ``<div class="stats"><dl>``."""
    small = format_html(" <small>{}</small>", unit) if unit else ""
    below = format_html('<dd class="note">{}</dd>', note) if note else ""
    return format_html('<div class="stat"><dt>{}</dt><dd class="value">{}{}</dd>{}</div>', term, value, small, below)


@register.simple_tag
def meter(name: str, value: str, percent: float, note: str = "", variant: str = "") -> SafeString:
    """A share of a limit, its words first; ``variant`` "warn" marks one near its limit."""
    return format_html(
        '<div class="meter"><div class="meter-head"><b>{}</b><span>{}</span></div>{}{}</div>',
        name,
        value,
        drawings.meter_bar(percent, variant),
        format_html("<small>{}</small>", note) if note else "",
    )


# --- Blocks with a body ----------------------------------------------------------------------------------------


@register.simple_block_tag
def empty(content: SafeString, art: str, title: str, text: str = "") -> SafeString:
    """Nothing here, and what now: ``art`` is runs, match, done or lock; the body holds the buttons."""
    actions = format_html('<div class="btns">{}</div>', content) if content.strip() else ""
    return format_html(
        '<div class="empty"><svg class="empty-art" viewBox="0 0 72 58" aria-hidden="true">{}</svg>'
        "<h2>{}</h2><p>{}</p>{}</div>",
        drawings.EMPTY_ART[art],
        title,
        text,
        actions,
    )


@register.simple_block_tag
def dialog(content: SafeString, id: str, title: str, text: str = "") -> SafeString:
    """A modal dialog with its heading and a close button that needs no script. A link with ``data-dialog="id"``
    opens it, and leads to a page of its own where script is off."""
    return format_html(
        '<dialog class="modal" id="{}" aria-labelledby="{}-title"><div class="modal-head"><div>'
        '<h2 id="{}-title">{}</h2>{}</div><form method="dialog">{}</form></div>{}</dialog>',
        id,
        id,
        id,
        title,
        format_html("<p>{}</p>", text) if text else "",
        ibtn("x", "Close", type="submit"),
        content,
    )


def _badge(variant: str, word: str, shape: str) -> SafeString:
    return format_html(
        '<span class="badge{}">{}{}</span>',
        f" badge-{variant}" if variant else "",
        icons.icon(shape) if shape else "",
        word,
    )


def _query(request: HttpRequest, **changes: Any) -> str:
    """The query string of this page with some parameters replaced; None takes one out."""
    query = request.GET.copy()
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = str(value)
    return query.urlencode()


def _attributes(values: dict[str, Any]) -> SafeString:
    return format_html_join(
        "",
        "{}",
        (
            (
                format_html(" {}", name.replace("_", "-"))
                if value is True
                else format_html(' {}="{}"', name.replace("_", "-"), value),
            )
            for name, value in values.items()
            if value is not None and value is not False
        ),
    )
