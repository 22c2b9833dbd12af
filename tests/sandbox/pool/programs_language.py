"""Ordinary programs: what the language itself does. Each function is one file of a creator."""


def comprehensions(inputs, ctx):
    squares = {name: len(name) ** 2 for name in inputs["names"] if len(name) > 3}
    return {
        "squares": squares,
        "flat": [a * b for a in range(4) for b in range(a)],
        "set": sorted({x % 3 for x in range(9)}),
    }


def class_hierarchy(inputs, ctx):
    class Shape:
        def __init__(self, name):
            self.name = name

        def describe(self):
            return f"{self.name}: {self.area():.3f}"

    class Circle(Shape):
        def area(self):
            return 3.14159 * 2**2

    class Square(Shape):
        def area(self):
            return 9

        def describe(self):
            return super().describe().upper()

    return [shape.describe() for shape in (Circle("circle"), Square("square"))]


def multiple_inheritance(inputs, ctx):
    class A:
        def who(self):
            return ["A"]

    class B(A):
        def who(self):
            return ["B", *super().who()]

    class C(A):
        def who(self):
            return ["C", *super().who()]

    class D(B, C):
        pass

    return [D().who(), [kind.__name__ for kind in D.__mro__]]


def generators(inputs, ctx):
    def fibonacci():
        a, b = 0, 1
        while True:
            yield a
            a, b = b, a + b

    numbers, source = [], fibonacci()
    while len(numbers) < 40:
        numbers.append(next(source))
    return numbers


def generator_send(inputs, ctx):
    def averager():
        total, count, answer = 0, 0, None
        while True:
            number = yield answer
            total, count = total + number, count + 1
            answer = total / count

    averages = averager()
    next(averages)
    return [averages.send(number) for number in (10, 20, 60, 3)]


def yield_from(inputs, ctx):
    def flatten(value):
        if isinstance(value, list):
            for part in value:
                yield from flatten(part)
        else:
            yield value

    return list(flatten([1, [2, [3, [4, []]], 5], [[6]]]))


def decorators(inputs, ctx):
    import functools

    def counted(function):
        @functools.wraps(function)
        def wrapper(*arguments, **options):
            wrapper.calls += 1
            return function(*arguments, **options)

        wrapper.calls = 0
        return wrapper

    @counted
    def add(a, b=1):
        """Adds."""
        return a + b

    return [add(1), add(2, b=5), add.calls, add.__name__, add.__doc__]


def closures(inputs, ctx):
    def counter(start):
        count = start

        def step(by=1):
            nonlocal count
            count += by
            return count

        return step

    a, b = counter(0), counter(100)
    return [a(), a(), b(5), a(10), b()]


def pattern_matching(inputs, ctx):
    def told(value):
        match value:
            case {"type": "point", "x": x, "y": y} if x == y:
                return f"diagonal {x}"
            case {"type": "point", **rest}:
                return f"point {sorted(rest)}"
            case [first, *others]:
                return f"list of {1 + len(others)} from {first}"
            case int() | float() as number:
                return f"number {number}"
            case str(text):
                return f"text {text!r}"
            case _:
                return "else"

    values = [{"type": "point", "x": 1, "y": 1}, {"type": "point", "x": 1, "z": 2}, [1, 2, 3], 3.5, "a", None]
    return [told(value) for value in values]


def exceptions(inputs, ctx):
    trail = []
    for value in ("12", "x", None, "0"):
        try:
            trail.append(100 // int(value))
        except (ValueError, TypeError) as error:
            trail.append(f"{type(error).__name__}: {error}")
        except ZeroDivisionError:
            trail.append("zero")
        else:
            trail.append("fine")
        finally:
            trail.append("done")
    return trail


def exception_chains(inputs, ctx):
    try:
        try:
            {}["missing"]
        except KeyError as error:
            raise RuntimeError("no luck") from error
    except RuntimeError as error:
        return [str(error), repr(error.__cause__), error.__suppress_context__]


def exception_groups(inputs, ctx):
    try:
        raise ExceptionGroup("many", [ValueError("a"), TypeError("b"), ValueError("c")])
    except* ValueError as group:
        values = [str(error) for error in group.exceptions]
    except* TypeError as group:
        values = [str(error) for error in group.exceptions]
    return values


def context_managers(inputs, ctx):
    import contextlib

    steps = []

    @contextlib.contextmanager
    def step(name):
        steps.append(f"in {name}")
        try:
            yield name.upper()
        finally:
            steps.append(f"out {name}")

    with contextlib.suppress(ValueError), step("a") as a, step("b"):
        steps.append(a)
        raise ValueError
    return steps


def dataclass_features(inputs, ctx):
    import dataclasses

    @dataclasses.dataclass(order=True, frozen=True)
    class Lead:
        score: int
        name: str = dataclasses.field(compare=False)
        tags: tuple = ()

    leads = [Lead(3, "c"), Lead(1, "a", ("x",)), Lead(2, "b")]
    best = dataclasses.replace(max(leads), name="best")
    return [dataclasses.asdict(lead) for lead in sorted(leads)] + [repr(best), hash(best) == hash(max(leads))]


def enumerations(inputs, ctx):
    import enum

    class Colour(enum.Enum):
        RED = enum.auto()
        GREEN = enum.auto()

    class Right(enum.Flag):
        READ = 1
        WRITE = 2

    class Level(enum.StrEnum):
        LOW = "low"

    both = Right.READ | Right.WRITE
    return [
        [colour.name for colour in Colour],
        Colour(2).name,
        Right.READ in both,
        both.value,
        Level.LOW,
        Colour["RED"].value,
    ]


def properties_and_slots(inputs, ctx):
    class Celsius:
        __slots__ = ("_degrees",)

        def __init__(self, degrees):
            self._degrees = degrees

        @property
        def fahrenheit(self):
            return self._degrees * 9 / 5 + 32

        @fahrenheit.setter
        def fahrenheit(self, value):
            self._degrees = (value - 32) * 5 / 9

    reading = Celsius(100)
    before, reading.fahrenheit = reading.fahrenheit, 32
    return [before, reading._degrees, hasattr(reading, "__dict__")]


def operators(inputs, ctx):
    class Vector:
        def __init__(self, *parts):
            self.parts = parts

        def __add__(self, other):
            return Vector(*(a + b for a, b in zip(self.parts, other.parts, strict=True)))

        def __mul__(self, by):
            return Vector(*(part * by for part in self.parts))

        __rmul__ = __mul__

        def __eq__(self, other):
            return self.parts == other.parts

        def __getitem__(self, index):
            return self.parts[index]

    total = Vector(1, 2) + 3 * Vector(1, 1)
    return [total.parts, total == Vector(4, 5), total[-1], list(total)]


def descriptors_and_metaclasses(inputs, ctx):
    class Positive:
        def __set_name__(self, owner, name):
            self.name = f"_{name}"

        def __get__(self, instance, owner):
            return getattr(instance, self.name)

        def __set__(self, instance, value):
            if value <= 0:
                raise ValueError(f"{self.name[1:]} must be positive")
            setattr(instance, self.name, value)

    class Registry(type):
        kinds = []

        def __init__(cls, name, bases, namespace):
            Registry.kinds.append(name)

    class Order(metaclass=Registry):
        amount = Positive()

    order = Order()
    order.amount = 3
    try:
        order.amount = -1
    except ValueError as error:
        return [order.amount, str(error), Registry.kinds]


def argument_kinds(inputs, ctx):
    def call(a, /, b, *rest, c=3, **options):
        return [a, b, list(rest), c, sorted(options.items())]

    return [call(1, 2), call(1, 2, 3, 4, c=5, d=6), call(*[1, 2], **{"c": 9, "z": 0})]


def slicing_and_unpacking(inputs, ctx):
    items = list(range(10))
    items[2:5] = ["x"]
    first, *middle, last = items
    a, (b, [c, *d]) = 1, (2, [3, 4, 5])
    return [items[::-2], items[-3:], first, middle, last, a, b, c, d]
