"""Ordinary programs: texts, bytes and the other modules of the list. Each function is one file of a creator."""


def hashes(inputs, ctx):
    import hashlib
    import hmac

    raw = inputs["text"].encode()
    names = ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b")
    return {name: hashlib.new(name, raw).hexdigest() for name in names} | {
        "hmac": hmac.new(b"key", raw, "sha256").hexdigest(),
        "same": hmac.compare_digest("a", "a"),
    }


def base64_and_friends(inputs, ctx):
    import base64
    import binascii

    raw = bytes(range(0, 256, 15))
    return [
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        base64.b32encode(raw).decode(),
        base64.b85encode(raw).decode(),
        binascii.crc32(raw),
        raw.hex(":"),
        list(base64.b64decode("YWJj")),
    ]


def compression(inputs, ctx):
    import zlib

    raw = b"the same, " * 1000
    return [zlib.decompress(zlib.compress(raw)) == raw, len(zlib.compress(raw)) < 100, zlib.adler32(raw)]


def binary_structures(inputs, ctx):
    import array
    import struct

    packed = struct.pack(">HiqdB?", 1, -2, 3, 4.5, 255, True)
    return [
        packed.hex(),
        list(struct.unpack(">HiqdB?", packed)),
        struct.calcsize("<3sI"),
        list(array.array("h", [1, -1]).tobytes()),
        int.from_bytes(b"\x01\x00", "little"),
    ]


def unicode_text(inputs, ctx):
    import unicodedata

    word = "Café"
    apart = unicodedata.normalize("NFD", word)
    return [
        len(word),
        len(apart),
        "".join(sign for sign in apart if not unicodedata.combining(sign)),
        unicodedata.name("€"),
        unicodedata.category("é"),
        word.encode("utf-16-le").hex(),
        "naïve".encode("ascii", "xmlcharrefreplace").decode(),
    ]


def codecs_and_bytes(inputs, ctx):
    raw = "Grüße".encode("latin-1")
    return [
        raw.hex(),
        raw.decode("latin-1"),
        b"\xff\xfe".decode("utf-8", "replace"),
        "münchen.de".encode("idna").decode(),
        bytes([65, 66]).decode("cp1252"),
        bytearray(b"abc")[1:].decode(),
    ]


def heaps_and_bisection(inputs, ctx):
    import bisect
    import heapq

    heap = [5, 1, 8, 3]
    heapq.heapify(heap)
    return [
        heapq.nsmallest(2, heap),
        heapq.heappop(heap),
        bisect.bisect_left([1, 3, 3, 7], 3),
        list(heapq.merge([1, 4], [2, 3])),
    ]


def text_tools(inputs, ctx):
    import difflib
    import string
    import textwrap

    long = "one two three four five six seven"
    return [
        textwrap.fill(long, 12),
        textwrap.dedent("  a\n   b"),
        textwrap.shorten(long, 15),
        difflib.get_close_matches("appel", ["ape", "apple", "peach"]),
        string.Template("$who likes $what").substitute(who="Ada", what="tea"),
        list(difflib.ndiff(["a"], ["b"])),
    ]


def addresses_of_networks(inputs, ctx):
    import ipaddress

    network = ipaddress.ip_network("192.168.4.0/22")
    return [
        network.num_addresses,
        str(network[5]),
        ipaddress.ip_address("192.168.7.9") in network,
        str(ipaddress.ip_address("2001:db8::1").exploded),
    ]


def identifiers(inputs, ctx):
    import uuid

    return [
        str(uuid.uuid5(uuid.NAMESPACE_DNS, "example.com")),
        str(uuid.uuid3(uuid.NAMESPACE_URL, "x")),
        uuid.UUID("12345678123456781234567812345678").hex,
    ]


def seeded_randomness(inputs, ctx):
    import random

    dice = random.Random(42)
    return [
        dice.random(),
        dice.randint(1, 6),
        dice.sample(range(100), 5),
        dice.choice("abc"),
        [round(dice.gauss(0, 1), 9) for _ in range(3)],
    ]


def xml_reading(inputs, ctx):
    import xml.etree.ElementTree as tree

    root = tree.fromstring("<a x='1'><b>t</b><b/><c><d>é</d></c></a>")
    return [
        root.get("x"),
        [part.text for part in root.iter("b")],
        root.find("c/d").text,
        tree.tostring(root, encoding="unicode"),
    ]


def toml_reading(inputs, ctx):
    import tomllib

    return tomllib.loads('title = "x"\n[owner]\nages = [1, 2]\nname = "Ada"\n[[rows]]\nn = 1.5\n')


def html_escapes(inputs, ctx):
    import html

    return [html.escape("<a href='x'>&</a>"), html.unescape("&lt;b&gt; &eacute; &#8364;")]


def html_parsing(inputs, ctx):
    from html.parser import HTMLParser

    class Links(HTMLParser):
        def __init__(self):
            super().__init__()
            self.found = []

        def handle_starttag(self, tag, attrs):
            if tag == "a":
                self.found.append(dict(attrs).get("href"))

    links = Links()
    links.feed('<p><a href="/x">x</a> <A HREF="y?a=1&amp;b=2">y</A></p>')
    return links.found


def mail_messages(inputs, ctx):
    import email.message
    import email.parser
    import email.policy
    import email.utils

    message = email.message.EmailMessage()
    message["Subject"], message["To"] = "Grüße", "Ada <ada@example.com>"
    message.set_content("Hello\n")
    read = email.parser.Parser(policy=email.policy.default).parsestr("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nbody\n")
    return [message.as_string(), read["Subject"], read.get_content(), email.utils.parseaddr("Ada <a@b.c>")]


def graphs(inputs, ctx):
    import graphlib

    return list(graphlib.TopologicalSorter({"d": ["b", "c"], "b": ["a"], "c": ["a"]}).static_order())[::3]


def deep_copies(inputs, ctx):
    import copy

    original = {"a": [1, {"b": 2}]}
    shallow, deep = copy.copy(original), copy.deepcopy(original)
    original["a"][1]["b"] = 3
    return [shallow, deep]


def abstract_classes(inputs, ctx):
    import abc
    import typing

    class Base(abc.ABC):
        @abc.abstractmethod
        def go(self): ...

    class Row(typing.NamedTuple):
        a: int
        b: str = "x"

    try:
        Base()
    except TypeError as error:
        return [type(error).__name__, Row(1)._asdict(), typing.get_type_hints(Row) == {"a": int, "b": str}]


def shell_words(inputs, ctx):
    import fnmatch
    import shlex

    return [shlex.split("a 'b c' \"d\""), shlex.quote("it's"), fnmatch.filter(["a.py", "b.txt"], "*.py")]


def pretty_printing(inputs, ctx):
    import pprint
    import reprlib

    return [pprint.pformat({"b": list(range(30)), "a": {"x": 1}}, width=40), reprlib.repr(list(range(100)))]


def sleeping_takes_no_time(inputs, ctx):
    import time

    time.sleep(0.001)
    return time.strftime("%Y-%m-%d", time.gmtime(86_400 * 365))
