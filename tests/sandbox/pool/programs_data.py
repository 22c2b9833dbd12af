"""Ordinary programs: data, numbers and dates. Each function is one file of a creator."""


def json_round_trip(inputs, ctx):
    import json

    text = json.dumps({"b": [1, 2.5, None, True], "a": 'é\n"x"'}, sort_keys=True, indent=2)
    return [text, json.loads('{"x": 1e3, "y": [[]], "z": "\\u00e9"}'), json.dumps("é"), json.dumps({1: 2, None: 3})]


def json_errors(inputs, ctx):
    import json

    found = []
    for text in ("{", "[1 2]", "nul", '{"a" 1}'):
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            found.append([error.lineno, error.colno])
    return found


def csv_both_ways(inputs, ctx):
    import csv
    import io

    rows = list(csv.DictReader(io.StringIO('name,note\nAda,"a, ""b"""\nÉlise,\n')))
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerows([["x", 1], ["a,b", 'q"']])
    return [rows, out.getvalue()]


def csv_dialects(inputs, ctx):
    import csv

    dialect = csv.Sniffer().sniff("a;b;c\n1;2;3\n4;5;6\n")
    return [dialect.delimiter, list(csv.reader(["a\tb", "c\td"], delimiter="\t"))]


def decimals(inputs, ctx):
    import decimal

    amount = decimal.Decimal(inputs["amount"])
    tax = (amount * decimal.Decimal("0.19")).quantize(decimal.Decimal("0.01"), rounding=decimal.ROUND_HALF_EVEN)
    with decimal.localcontext() as local:
        local.prec = 50
        root = decimal.Decimal(2).sqrt()
    return [
        str(amount),
        str(tax),
        str(root),
        str(decimal.Decimal("1e3").normalize()),
        str(sum([decimal.Decimal("0.1")] * 10)),
    ]


def fractions_of_numbers(inputs, ctx):
    import fractions

    half = fractions.Fraction(1, 2)
    return [
        str(half + fractions.Fraction("1/3")),
        str(fractions.Fraction(0.75)),
        str(fractions.Fraction(3.14159).limit_denominator(100)),
    ]


def dates(inputs, ctx):
    import datetime

    day = datetime.date(2024, 2, 29)
    return [
        str(day + datetime.timedelta(days=365)),
        day.strftime("%A %d %B %Y, %j"),
        day.isocalendar()[:],
        str(datetime.datetime.strptime("31/12/2025 23:59", "%d/%m/%Y %H:%M")),
        str(datetime.datetime.fromisoformat("2026-03-29T01:30:00+01:00").astimezone(datetime.UTC)),
        (datetime.date(2026, 1, 1) - day).days,
    ]


def now_is_given(inputs, ctx):
    import datetime

    later = ctx.now + datetime.timedelta(hours=36, microseconds=1)
    return [ctx.now.isoformat(), later.isoformat(), ctx.now.weekday(), ctx.now.timestamp()]


def time_zones(inputs, ctx):
    import datetime
    import zoneinfo

    moments = [
        datetime.datetime(2026, 3, 29, 0, 30, tzinfo=datetime.UTC),
        datetime.datetime(2026, 10, 25, 1, 30, tzinfo=datetime.UTC),
    ]
    names = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
    return [[str(moment.astimezone(zoneinfo.ZoneInfo(name))) for name in names] for moment in moments]


def zone_folds(inputs, ctx):
    import datetime
    import zoneinfo

    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    twice = datetime.datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    return [
        str(twice.utcoffset()),
        str(twice.replace(fold=1).utcoffset()),
        twice.tzname(),
        len(zoneinfo.available_timezones()) > 400,
    ]


def calendars(inputs, ctx):
    import calendar

    return [
        calendar.monthrange(2024, 2),
        calendar.isleap(2100),
        calendar.month(2026, 2),
        [day for day in calendar.Calendar().itermonthdays(2026, 2)],
    ]


def regular_expressions(inputs, ctx):
    import re

    log = "2026-01-02 ERROR db: timeout after 30s\n2026-01-03 INFO ok"
    pattern = re.compile(r"^(?P<day>[\d-]+) (?P<level>[A-Z]+) (?P<rest>.*)$", re.MULTILINE)
    return [
        [match.groupdict() for match in pattern.finditer(log)],
        re.sub(r"(\w+)@(\w+)\.com", r"\2 at \1", "ada@example.com, bob@test.com"),
        re.split(r"[,;]\s*", "a, b;c"),
        re.findall(r"(?<=\$)\d+(?:\.\d\d)?", "$5 and $12.50"),
        bool(re.fullmatch(r"\p{L}" if False else r"[^\W\d_]+", "Élise")),
    ]


def regular_expression_functions(inputs, ctx):
    import re

    return re.sub(r"\b(\d+)\b", lambda match: str(int(match[1]) * 2), "3 apples and 12 pears"), re.escape("a.b*c")


def collections_of_things(inputs, ctx):
    import collections

    counts = collections.Counter("mississippi")
    groups = collections.defaultdict(list)
    for name in inputs["names"]:
        groups[len(name)].append(name)
    line = collections.deque([1, 2, 3], maxlen=3)
    line.append(4)
    point = collections.namedtuple("Point", "x y")(1, 2)
    return [
        counts.most_common(2),
        dict(groups),
        list(line),
        point._asdict(),
        list(collections.ChainMap({"a": 1}, {"a": 2, "b": 3}).items()),
    ]


def iteration_tools(inputs, ctx):
    import itertools

    return [
        list(itertools.accumulate([1, 2, 3, 4])),
        ["".join(pair) for pair in itertools.combinations("abc", 2)],
        list(itertools.permutations([1, 2, 3]))[:4],
        [[key, len(list(group))] for key, group in itertools.groupby("aabccc")],
        list(itertools.islice(itertools.cycle("xy"), 5)),
        list(itertools.zip_longest([1, 2], [3], fillvalue=0)),
        list(itertools.pairwise([1, 4, 9])),
    ]


def function_tools(inputs, ctx):
    import functools

    @functools.lru_cache(maxsize=None)
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    @functools.singledispatch
    def kind(value):
        return "thing"

    kind.register(int, lambda value: "number")
    return [
        fibonacci(70),
        functools.reduce(lambda a, b: a * b, range(1, 10)),
        functools.partial(pow, 2)(10),
        kind(1),
        kind("x"),
    ]


def statistics_of_numbers(inputs, ctx):
    import statistics

    data = [2, 4, 4, 4, 5, 5, 7, 9]
    return [
        statistics.mean(data),
        statistics.median(data),
        statistics.mode(data),
        statistics.pstdev(data),
        statistics.quantiles(data, n=4),
    ]


def mathematics(inputs, ctx):
    import cmath
    import math

    return [
        math.gcd(84, 36),
        math.comb(10, 3),
        math.isclose(0.1 + 0.2, 0.3),
        math.floor(-2.5),
        math.fsum([0.1] * 10),
        math.prod([2, 3, 7]),
        math.isqrt(10**10),
        abs(cmath.sqrt(-4)),
        math.hypot(3, 4),
    ]
