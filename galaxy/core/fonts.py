"""The two typefaces, made once from the packages that carry them: Latin subsets as WOFF2, with their licences.

``build`` fills a folder that static files serve under ``fonts/``: ``inter.woff2``, ``geist-mono.woff2``, an OFL text
beside each, and ``fonts.css``, which declares them and is written last. While it is missing, pages link no font and
the system's own faces stand in.
"""

import logging
import shutil
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import NamedTuple

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.utils.html import format_html
from django.utils.safestring import SafeString


class Face(NamedTuple):
    package: str
    module: str
    source: str
    file: str
    family: str


FACES = (
    Face("fontpkg-inter", "fontpkg_inter", "Inter[opsz,wght].ttf", "inter", "Inter Variable"),
    Face("fontpkg-geist-mono", "fontpkg_geist_mono", "GeistMono[wght].ttf", "geist-mono", "Geist Mono Variable"),
)
RECIPE = 1  # raise it when what is kept of a font changes, so that sets made before are made again
# Latin-1 with the letters of western Europe, punctuation, arrows and the signs of keys that the console shows.
CHARACTERS = [
    *range(0x20, 0x7F),
    *range(0xA0, 0x180),
    0x192,
    *range(0x2C6, 0x2DE),
    *range(0x2010, 0x2050),
    0x20AC,
    0x2122,
    *range(0x2190, 0x2194),
    0x21B5,
    0x2212,
    0x2215,
    0x2318,
    0xFFFD,
]
# Contextual forms are left out: Inter would draw "->" as an arrow, and what is shown here is often code.
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "liga", "tnum", "zero", "case", "frac"]


def build(folder: Path) -> bool:
    """Make the fonts in ``folder`` unless this very set is there; True when there was something to make.

    Equal packages give equal bytes. Raises PackageNotFoundError when a font package is not installed.
    """
    sheet = _sheet()
    target = folder / "fonts.css"
    if target.exists() and target.read_text(encoding="utf-8") == sheet:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    for face in FACES:
        root = resources.files(face.module)
        _subset(root / "files" / face.source, folder / f"{face.file}.woff2")
        with resources.as_file(root / "LICENSE") as licence:
            shutil.copyfile(licence, folder / f"{face.file}-OFL.txt")
    _replace(target, sheet.encode())
    return True


@cache
def links() -> SafeString:
    """The ``<link>`` elements of the fonts, or nothing where they were never built."""
    names = ("fonts/fonts.css", "fonts/inter.woff2")
    if not all(staticfiles_storage.exists(name) or finders.find(name) for name in names):
        return SafeString("")
    try:
        sheet, inter = (staticfiles_storage.url(name) for name in names)
    except ValueError:  # built after the last collectstatic, so the manifest does not know them yet
        return SafeString("")
    return format_html(
        '<link rel="preload" href="{}" as="font" type="font/woff2" crossorigin><link rel="stylesheet" href="{}">',
        inter,
        sheet,
    )


def _sheet() -> str:
    """The declarations; its first line names what the fonts were made from, so that a change is noticed."""
    made_from = ", ".join(f"{face.package} {metadata.version(face.package)}" for face in FACES)
    rules = "\n".join(
        f'@font-face {{ font-family: "{face.family}"; src: url("{face.file}.woff2") format("woff2"); '
        "font-weight: 100 900; font-display: swap; }"
        for face in FACES
    )
    return f"/* Made by manage.py build_fonts from {made_from}; recipe {RECIPE}. */\n{rules}\n"


def _subset(source, target: Path) -> None:
    from fontTools import subset  # slow to import, and needed at set-up only
    from fontTools.varLib import instancer

    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells every glyph it keeps

    options = subset.Options()
    options.flavor = "woff2"
    options.layout_features = FEATURES
    options.hinting = False
    options.drop_tables += ["meta"]
    draft = target.with_suffix(".part")
    with resources.as_file(source) as path, subset.load_font(str(path), options) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=CHARACTERS)
        subsetter.subset(font)
        if "opsz" in {axis.axisTag for axis in font["fvar"].axes}:
            # The sizes here are those of text; the display cut would draw headings tighter than their tracking says.
            instancer.instantiateVariableFont(font, {"opsz": 14}, inplace=True)
        subset.save_font(font, str(draft), options)
    draft.replace(target)


def _replace(target: Path, content: bytes) -> None:
    draft = target.with_suffix(".part")
    draft.write_bytes(content)
    draft.replace(target)
