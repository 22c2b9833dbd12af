"""Icons of the lucide package, as inline SVG that takes its colour from the text around it."""

import re
from functools import cache
from importlib import resources
from io import BytesIO
from zipfile import ZipFile

from django.utils.safestring import SafeString, mark_safe


class UnknownIcon(LookupError):
    """A template asks for an icon that lucide does not have."""


@cache
def icon(name: str, variant: str = "") -> SafeString:
    """The icon called ``name`` (lucide.dev names, such as ``circle-check``), hidden from screen readers.

    ``variant`` "s" is the 14 px size; a word beside the icon carries the meaning. Raises UnknownIcon.
    """
    classes = f"icon icon-{variant}" if variant else "icon"
    # Safe: the shapes come from the installed package, the name only ever selects one.
    return mark_safe(f'<svg class="{classes}" viewBox="0 0 24 24" aria-hidden="true">{_shapes(name)}</svg>')


@cache
def _shapes(name: str) -> str:
    try:
        svg = _archive().read(f"{name}.svg").decode()
    except KeyError:
        raise UnknownIcon(f"lucide has no icon called {name!r}.") from None
    found = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL)
    assert found, name
    return re.sub(r">\s+<", "><", found[1].strip())


@cache
def _archive() -> ZipFile:
    return ZipFile(BytesIO(resources.files("lucide").joinpath("lucide.zip").read_bytes()))
