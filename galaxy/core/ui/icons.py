"""Icons of the lucide package, as inline SVG that takes its colour from the text around it."""

from functools import cache
from importlib import resources
from io import BytesIO
from zipfile import ZipFile

from django.utils.html import format_html
from django.utils.safestring import SafeString


class UnknownIcon(LookupError):
    """A template asks for an icon that lucide does not have."""


@cache
def icon(name: str, variant: str = "") -> SafeString:
    """The icon called ``name`` (lucide.dev names, such as ``circle-check``), hidden from screen readers.

    ``variant`` "s" is the 14 px size; a word beside the icon carries the meaning. Raises UnknownIcon.
    """
    classes = f"icon icon-{variant}" if variant else "icon"
    return format_html('<svg class="{}" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', classes, _shapes(name))


@cache
def _shapes(name: str) -> SafeString:
    try:
        svg = _archive().read(f"{name}.svg").decode()
    except KeyError:
        raise UnknownIcon(f"lucide has no icon called {name!r}.") from None
    inner = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    # Safe: the shapes are the installed package's own; a name only selects among them.
    return SafeString("".join(line.strip() for line in inner.splitlines()))


@cache
def _archive() -> ZipFile:
    return ZipFile(BytesIO(resources.files("lucide").joinpath("lucide.zip").read_bytes()))
