"""The facets as HTML. Half a hundred choices stand beside each page of results, which templates are slow at."""

from html import escape

from django.utils.safestring import SafeString, mark_safe

from marketplace.forms import Facet, Option


def fieldset(facet: Facet, *, oob: bool = False) -> SafeString:
    """One group of choices; ``oob`` rides along with an answer of htmx. Every word is escaped here."""
    name, type = escape(facet.name), escape(facet.type)
    hidden = "" if facet.is_open else ' class="sr"'
    swap = ' hx-swap-oob="true"' if oob else ""
    choices = "".join(_choice(option, name, type) for option in facet.options)
    legend = f"<legend{hidden}>{escape(facet.legend)}</legend>"
    return mark_safe(f'<fieldset id="facet-{name}"{swap}>{legend}{choices}</fieldset>')  # noqa: S308


def numbers(facet: Facet) -> SafeString:
    """The counts of a group alone, each to its place in the page that stands already."""
    return mark_safe("".join(_number(option, ' hx-swap-oob="true"') for option in facet.options))  # noqa: S308


def _choice(option: Option, name: str, type: str) -> str:
    id, checked = escape(option.id), " checked" if option.is_checked else ""
    return (
        f'<label class="check" for="{id}"><input type="{type}" name="{name}" id="{id}" value="{escape(option.value)}"'
        f"{checked}><span>{escape(option.label)}</span>{_number(option, '')}</label>"
    )


def _number(option: Option, swap: str) -> str:
    return f'<span class="n" id="n-{escape(option.id)}"{swap}>{option.count}</span>'
