"""Under which licence each package comes, as an SPDX expression, and which of them Galaxy may come with.

What a package says of itself is taken first; where that is prose, the text of its own licence file decides. What even
that leaves open is written down here, with where it was read.
"""

import re
from collections.abc import Iterable
from importlib import metadata

from license_expression import ExpressionError, LicenseExpression, get_spdx_licensing

from proof.supply.locked import Locked

# Permissive ones, and those whose duties end at the package's own files (MPL) or at leaving it exchangeable (LGPL): a
# Python package is a folder that anybody may put another version into.
ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-2.1-or-later",
    "LGPL-3.0-only", "MIT", "MIT-0", "MPL-2.0", "OFL-1.1", "PSF-2.0",
})  # fmt: skip
# Which a package means by words of its own, and which it is not installed here to say.
STATED = {
    "async-timeout": "Apache-2.0",  # its LICENSE; only for Python before 3.11.3
    "colorama": "BSD-3-Clause",  # its LICENSE.txt; only on Windows
    "componentize-py": "Apache-2.0 WITH LLVM-exception",  # its LICENSE in the source repository
    "fido2": "BSD-2-Clause AND Apache-2.0 AND MPL-2.0",  # its COPYING, COPYING.APLv2 and COPYING.MPLv2
    "httpx2-jsfetch": "BSD-3-Clause",  # of the same project as httpx2; only in browsers
    "python-dateutil": "Apache-2.0 AND BSD-3-Clause",  # its LICENSE: older parts BSD, newer ones either
    "python-stdnum": "LGPL-2.1-or-later",  # its COPYING
    "rfc8785": "Apache-2.0",  # its LICENSE
    "uritemplate": "BSD-3-Clause OR Apache-2.0",  # its LICENSE
}
_SPDX = get_spdx_licensing()
_WORDS = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "mit license": "MIT",
    "3-clause bsd license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
}
_TEXTS = [
    (r"Apache License\s+Version 2\.0", "Apache-2.0"),
    (r"Redistribution and use in source and binary forms.*(?:[Nn]either the name|names? of)", "BSD-3-Clause"),
    (r"Redistribution and use in source and binary forms", "BSD-2-Clause"),
    (r"Permission is hereby granted, free of charge", "MIT"),
]


def licence_of(package: Locked) -> str:
    """An SPDX expression; "" where nobody knows."""
    if package.name in STATED:
        return STATED[package.name]
    try:
        found = metadata.distribution(package.name)
    except metadata.PackageNotFoundError:
        return ""
    if said := found.metadata.get("License-Expression"):
        return _spdx(said)
    classifiers = [
        line.rpartition(" :: ")[2] for line in found.metadata.get_all("Classifier", []) if "License ::" in line
    ]
    said = [words for words in (found.metadata.get("License") or "", *classifiers) if 0 < len(words) < 80]
    of_words = next(filter(None, map(_spdx, said)), "")
    return of_words or _of_text(found)


def is_allowed(expression: str) -> bool:
    """Whether every part of it may come with Galaxy, or of a choice at least one."""
    if not expression:
        return False
    parsed = _SPDX.parse(expression)
    return _allows(parsed)


def not_allowed(packages: Iterable[Locked]) -> list[str]:
    """A sentence for each package that has no licence on the list."""
    problems = []
    for package in packages:
        licence = licence_of(package)
        if not licence:
            problems.append(f"{package}: nothing says under which licence it comes; read it, and add it to STATED.")
        elif not is_allowed(licence):
            problems.append(f"{package}: {licence} is not on the list of licences that may come with Galaxy.")
    return problems


def _allows(part: LicenseExpression) -> bool:
    if part.render() in ALLOWED:
        return True
    if not part.args:
        return False
    return (any if part.operator.strip() == "OR" else all)(_allows(one) for one in part.args)


def _spdx(words: str) -> str:
    plain = _WORDS.get(words.strip().lower(), words.strip())
    try:
        return _SPDX.parse(plain, validate=True, strict=True).render()
    except ExpressionError:
        return ""


def _of_text(found: metadata.Distribution) -> str:
    for file in found.files or []:
        if re.search(r"(?:^|[/.])(?:licen[cs]e|copying)", str(file).lower()):
            try:
                text = " ".join(file.locate().read_text(encoding="utf-8", errors="replace").split())
            except OSError:
                continue
            for pattern, licence in _TEXTS:
                if re.search(pattern, text):
                    return licence
    return ""
