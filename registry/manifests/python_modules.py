"""The modules that an action or transform may import: all of them are loaded when the guest is built, and there is no
other way in, since a run has no files. The static checks and docs/sandbox.md have the same list."""

MODULES: tuple[str, ...] = (
    *("__future__", "abc", "array", "base64", "binascii", "bisect", "calendar", "cmath", "codecs", "collections"),
    *("collections.abc", "colorsys", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal", "difflib"),
    *("email", "email.message", "email.mime.multipart", "email.mime.text", "email.parser", "email.policy"),
    *("email.utils", "enum", "fnmatch", "fractions", "functools", "graphlib", "hashlib", "heapq", "hmac", "html"),
    *("html.entities", "html.parser", "inspect", "io", "ipaddress", "itertools", "json", "keyword", "logging", "math"),
    *("numbers", "operator", "pprint", "queue", "quopri", "random", "re", "reprlib", "secrets", "shlex"),
    *("statistics", "string", "struct", "textwrap", "time", "tomllib", "traceback", "types", "typing", "unicodedata"),
    *("urllib", "urllib.parse", "uuid", "warnings", "weakref", "xml", "xml.etree", "xml.etree.ElementTree", "zlib"),
    "zoneinfo",
)

# Loaded as well, because the modules above reach for them while they work.
HELPERS: tuple[str, ...] = (
    *("_strptime", "email.generator", "email.mime.base", "stringprep", "encodings.ascii", "encodings.base64_codec"),
    *("encodings.cp1250", "encodings.cp1251", "encodings.cp1252", "encodings.cp437", "encodings.hex_codec"),
    *("encodings.idna", "encodings.iso8859_1", "encodings.iso8859_2", "encodings.iso8859_15", "encodings.koi8_r"),
    *("encodings.latin_1", "encodings.mac_roman", "encodings.punycode", "encodings.quopri_codec", "encodings.rot_13"),
    *("encodings.raw_unicode_escape", "encodings.unicode_escape", "encodings.utf_16", "encodings.utf_16_be"),
    *("encodings.utf_16_le", "encodings.utf_32", "encodings.utf_7", "encodings.utf_8_sig", "encodings.zlib_codec"),
)
