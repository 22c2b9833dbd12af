"""Ordinary programs: texts, numbers and what is said on the way. Each function is one file of a creator."""


def text_methods(inputs, ctx):
    text = inputs["text"]
    return {
        "title": text.title(),
        "words": text.replace(",", "").split(),
        "partition": text.partition(","),
        "centre": "x".center(9, "-"),
        "table": text.translate(str.maketrans("aeiou", "AEIOU")),
        "case": ["STRASSE".casefold() == "straße".casefold(), "İ".lower(), "ß".upper()],
        "strip": "  x\t\n".strip(),
        "lines": "a\r\nb\n\nc".splitlines(),
        "is": [part.isdigit() for part in ("12", "١٢", "a1", "")],
    }


def formatting(inputs, ctx):
    value, name = 1234567.891, "Ada"
    return [
        f"{value:,.2f}",
        f"{value:e}",
        f"{255:#x} {255:08b}",
        f"{name!r:>10}|{name:^9}|",
        f"{0.256:.1%}",
        f"{-5:+d}",
        f"{name=}",
    ]


def percent_formatting(inputs, ctx):
    return [
        "%s has %05.1f%% of %d" % ("Ada", 12.345, 7),
        "{:>8}|{:<8}|{:^8}".format("a", "b", "c"),
        "{0[a]} {1.real}".format({"a": 1}, 2),
    ]


def big_integers(inputs, ctx):
    value = 2**200 + 1
    return [
        str(value),
        value.bit_length(),
        str(value % 97),
        str(pow(3, 10**6, 10**9 + 7)),
        int("ff", 16),
        str(-7 // 2),
        -7 % 3,
        divmod(17, 5),
    ]


def floating_point(inputs, ctx):
    return [
        0.1 + 0.2,
        round(2.5),
        round(3.5),
        round(2.675, 2),
        1e16 + 1,
        float("1e-7"),
        (0.5).hex(),
        (7.0).is_integer(),
        7 / 2,
        10**22 / 3,
    ]


def recursion(inputs, ctx):
    def hanoi(n, a, b, c):
        return hanoi(n - 1, a, c, b) + [a + c] + hanoi(n - 1, b, a, c) if n else []

    def depth(n):
        return 0 if n == 0 else 1 + depth(n - 1)

    return [len(hanoi(8, "a", "b", "c")), hanoi(3, "a", "b", "c"), depth(500)]


def sorting(inputs, ctx):
    import operator

    rows = [("b", 2), ("a", 2), ("c", 1), ("a", 1)]
    return [
        sorted(rows),
        sorted(rows, key=operator.itemgetter(1, 0), reverse=True),
        sorted(inputs["names"], key=str.casefold),
        min(rows, key=lambda row: row[1]),
    ]


def walrus_and_conditionals(inputs, ctx):
    numbers = [3, 8, 12, 5]
    big = [half for number in numbers if (half := number / 2) > 3]
    return [big, "yes" if any(number > 10 for number in numbers) else "no", 1 < 2 < 3, not [] and "x", 0 or None or "d"]


def own_error_is_not_needed(inputs, ctx):
    try:
        raise ActionError("quota_used_up", 429)  # noqa: F821  (a creator's file has it)
    except ActionError as error:  # noqa: F821
        return [error.code, error.status]


def logging_lines(inputs, ctx):
    ctx.log("plain", 1, None)
    ctx.log.info("%s has %d", "Ada", 3)
    ctx.log.warning("careful")
    ctx.log.error("100%")
    print("printed", 2, sep="-")
    print("two\nlines")
    return ctx.run_id
