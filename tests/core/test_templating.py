"""Templates written as functions show what Django shows, and raise what Django raises."""

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.template import Context, Engine, VariableDoesNotExist
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from galaxy.core.addresses import _shape, address_of
from galaxy.core.templating.loader import Written

LIBRARIES = {"ui": "galaxy.core.templatetags.ui"}
PLAIN = "django.template.loaders.cached.Loader"
OURS = "galaxy.core.templating.loader.Loader"
KEY = UUID("0d9a7d3c-58c4-4a52-9e67-3c0f0a6c0001")


class Thing:
    name = "a <thing>"
    number = 3

    def __init__(self):
        self.parts = {"first": ["x", "y"], "items": "no method"}

    def __str__(self):
        return "<b>thing</b>"

    def said(self):
        return "said & done"

    def wants(self, more):
        return more

    def delete(self):
        raise AssertionError("a template never does this")

    delete.alters_data = True

    def lost(self):
        raise ObjectDoesNotExist

    def wrong(self):
        raise ZeroDivisionError

    def odd(self):
        raise TypeError("from within")

    @property
    def broken(self):
        raise AttributeError("of the property itself")


class Kept:
    do_not_call_in_templates = True
    word = "kept"

    def __call__(self):
        raise AssertionError("a template never does this")


def values():
    return {
        "thing": Thing(),
        "things": [Thing(), Thing()],
        "pairs": [("a", 1), ("b", 2)],
        "uneven": [("a", 1), ("b", 2, 3)],
        "kept": Kept(),
        "made": lambda: SimpleNamespace(word="<made>"),
        "calls": [lambda: SimpleNamespace(word="<called>"), Kept],
        "lost": Thing().lost,
        "html": mark_safe("<i>i</i>"),
        "text": "<i>'\"&",
        "long": "é" * 5 + "x" * 20,
        "none": None,
        "yes": True,
        "number": 1234567,
        "share": 0.5,
        "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "slug": "demo",
        "key": KEY,
        "names": {"one": 1, "two": 2},
        "class": Thing,
    }


FILES = {
    "part": "[{{ text }}{{ word }}{{ more|default:'-' }}{{ forloop.counter }}]",
    "sets": "{% firstof 'in' as word %}{{ word }}",
    "base": "<{% block a %}base a {{ text }}{% endblock %}{% block b %}base b{% endblock %}{{ word }}>",
    "child": "{% extends 'base' %}{% block a %}child {{ block.super }}{% with word=1 %}{{ word }}{% endwith %}"
    "{% endblock %}",
}
CASES = [
    "plain text",
    "{{ text }}{{ html }}{{ text|safe }}{{ html|escape }}{{ html|upper }}{{ none }}{{ yes }}{{ share"
    " }}{{ number }}{{ at }}",
    "{{ thing }}{{ thing.name }}{{ thing.said }}{{ thing.parts.first.1 }}{{ thing.parts.items }}{{ names.items }}",
    "{{ missing }}{{ thing.missing }}{{ thing.parts.missing }}{{ thing.parts.first.7 }}{{ text.0 }}{{ number.real }}",
    "{{ thing.wants }}{{ thing.delete }}{{ thing.lost }}{{ thing.lost.more }}{{ lost }}{{ lost.more }}{{ made.word }}",
    "{{ kept.word }}{{ class.name }}{{ class }}",
    "{{ thing.wrong }}",
    "{{ thing.odd }}",
    "{{ thing.broken }}",
    "{{ template }}{{ push }}{{ dicts }}{{ 'x<'}}{{ 3 }}{{ 3.5 }}{{ 'a'|add:'<' }}{{ text|add:'<' }}",
    "{{ missing|default:text }}{{ text|default:missing }}",
    "{{ missing|default:'<' }}{{ none|default_if_none:html }}{{ text|truncatechars:3 }}{{ long|truncatechars:20 }}",
    "{{ long|truncatechars:99 }}{{ html|truncatechars:99 }}{{ number|truncatechars:3 }}{{ text|truncatechars:'x' }}",
    "{{ at|date:'Y H:i' }}{{ names|length }}{{ number|pluralize }}{{ text|urlencode:'' }}{{ names|join:'<' }}",
    "{% if missing %}a{% elif thing.name == 'a <thing>' and not none %}b{% else %}c{% endif %}",
    "{% if thing.wrong %}a{% else %}b{% endif %}",
    "{% if thing.wrong or yes %}a{% else %}b{% endif %}{% if missing|default:missing %}a{% else %}b{% endif %}",
    "{% if 1 in none %}a{% else %}b{% endif %}{% if number > 'x' %}a{% else %}b{% endif %}"
    "{% if none is None %}a{% endif %}",
    "{% if 'one' in names and 2 >= names.two or missing %}a{% endif %}"
    "{% if not missing and yes is not none %}b{% endif %}",
    "{% for one in things %}{{ forloop.counter }}{{ forloop.last }}{{ one.name }}{{ one }}{% empty %}none{% endfor %}",
    "{% for one in missing %}a{% empty %}{{ text }}{% endfor %}{% for one in none %}a{% endfor %}",
    "{% for a, b in pairs reversed %}{{ a }}{{ b }}{{ forloop.revcounter0 }}"
    "{% for a in text %}{{ a }}{{ forloop.parentloop.first }}"
    "{% endfor %}{{ a }}{% endfor %}{{ a }}{{ forloop }}",
    "{% for a, b in uneven %}{{ a }}{% endfor %}",
    "{% for a, b in things %}{{ a }}{% endfor %}",
    "{% for a in number %}{{ a }}{% endfor %}",
    "{% for k, v in names.items %}{{ k }}{{ v }}{% endfor %}{% for k in names %}{{ k }}{% endfor %}",
    "{% for one in calls %}{{ one.word }}{{ one.name }}{% if one %}y{% endif %}{% endfor %}",
    "{% for one in pairs %}{{ one.0 }}{% url 'core:help' as one %}{{ one }}{% endfor %}{{ one }}",
    "{% load ui %}{% for one in pairs %}{% badge 'ok' one.0 as two %}{{ two }}{% if yes %}"
    "{% badge 'ok' 'x' as one %}{% endif %}"
    "{{ one }}{% endfor %}",
    "{% for one in pairs %}{% firstof 'z' as one %}{{ one }}{% endfor %}",
    "{% for one in pairs %}{% cycle 'a' 'b' %}{% ifchanged one.1 %}{{ one.1 }}{% endifchanged %}{% endfor %}",
    "{% with a=text b=thing.parts %}{{ a }}{{ b.first.0 }}{% with a=1 %}{{ a }}{% endwith %}{{ a }}"
    "{% endwith %}{{ a }}",
    "{% with a=missing %}[{{ a }}]{% for a in pairs %}{{ a.0 }}{% endfor %}[{{ a }}]{% endwith %}",
    "{% include 'part' %}{% include 'part' with more=text %}{% include 'part' with word=html only %}{{ word }}",
    "{% for one in pairs %}{% include 'part' with word=one.0 only %}{% include 'part' %}"
    "{% include 'sets' %}{{ word }}{% endfor %}",
    "{% include missing %}",
    "{% include 'nowhere' %}",
    "{% extends 'child' %}{% block b %}grand {{ block.super }}{{ text }}{% endblock %}",
    "{% block a %}{% for one in pairs %}{{ one.0 }}{% endfor %}{% endblock %}",
    "{% autoescape off %}{{ text }}{{ thing }}{{ number }}{% for one in things %}{{ one }}{% endfor %}"
    "{% endautoescape %}{{ text }}",
    "{% load ui %}{% badge 'ok' text %}{% icon 'check' %}{% btn 'Go' href='/x?a=1&b=2' hx_get=text %}"
    "{% tag text %}{% time at %}",
    "{% load ui %}{% icon 'no such icon' %}",
    "{% load ui %}{% if missing %}{% icon 'no such icon' %}{% endif %}{% status 'pending' %}"
    "{% btn 'A' class='b' disabled=True %}",
    "{% load ui %}{% empty 'done' 'Title' text %}{{ text }}{% for one in pairs %}{{ one.0 }}{% endfor %}{% endempty %}",
    "{% url 'core:help' %}{% url 'core:audit-detail' slug 7 %}"
    "{% url 'core:audit-detail' workspace=slug pk=7 as x %}{{ x }}",
    "{% url 'core:audit-detail' slug missing as x %}[{{ x }}]",
    "{% url 'core:audit-detail' slug missing %}",
    "{% url 'nowhere' %}",
    "{% comment %}{{ thing.wrong }}{% endcomment %}{% verbatim %}{{ text }}{% endverbatim %}"
    "{% spaceless %}<a> <b>{% endspaceless %}",
    "".join("{% if yes %}{% for one in pairs %}" for _ in range(8)) + "{{ one.0 }}" + "{% endfor %}{% endif %}" * 8,
    "{% if a %}" + "".join(f"{{% elif number == {n} %}}{n}" for n in range(80)) + "{% else %}{{ text }}{% endif %}",
]  # fmt: skip


def engine(loader, source):
    files = FILES | {"page": source}
    return Engine(libraries=LIBRARIES, loaders=[(loader, [("django.template.loaders.locmem.Loader", files)])])


def outcome(loader, source):
    page = engine(loader, source).get_template("page")
    found = []
    for _ in range(2):
        context = Context(values())
        try:
            found.append((page.render(context), len(context.dicts)))
        except Exception as error:
            found.append((type(error), "" if isinstance(error, VariableDoesNotExist) else str(error)))
    return found


def without_addresses(found):
    """Objects are shown by where they lie in memory."""
    return [(str(shown).partition(" object at ")[0], more) for shown, more in found]


@pytest.mark.parametrize("source", CASES)
def test_a_written_template_shows_what_django_shows(source):
    ours = outcome(OURS, source)
    assert without_addresses(ours) == without_addresses(outcome(PLAIN, source))


def test_templates_are_written_unless_an_error_page_is_to_tell_the_node():
    assert type(engine(OURS, "{{ text }}").get_template("page").nodelist) is Written
    debugging = engine(OURS, "{{ text }}")
    debugging.debug = True
    assert type(debugging.get_template("page").nodelist) is not Written


def test_a_failing_line_is_told_with_the_template_it_stands_in():
    with pytest.raises(ZeroDivisionError) as caught:
        engine(OURS, "{{ thing.wrong }}").get_template("page").render(Context(values()))
    assert "<template page>" in [str(entry.path) for entry in caught.traceback]


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("core:help", (), {}),
        ("core:audit-detail", ("demo", 12), {}),
        ("core:audit-detail", (), {"pk": 12, "workspace": "demo"}),
        ("sandbox:run-detail", ("demo", KEY), {}),
        ("marketplace:listing-detail", ("demo", "hubspot"), {}),
        ("marketplace:listing-detail", ("demo", "lead.follow-up"), {}),
        ("sandbox:target-detail", ("demo", KEY, "pulse.a1"), {}),
        ("sandbox:target-detail", ("demo", KEY, "says: & %s"), {}),
        ("sandbox:target-detail", ("demo", KEY, format_html("pulse.{}", "a1")), {}),
    ],
)
def test_an_address_is_what_django_writes(name, args, kwargs):
    for _ in range(2):
        assert address_of(name, *args, **kwargs) == reverse(name, args=args, kwargs=kwargs)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("nowhere", ()),
        ("core:audit-detail", ("demo", "x")),
        ("core:audit-detail", ("de mo", 1)),
        ("core:audit-detail", ("demo", -1)),
        ("core:audit-detail", ("demo",)),
        ("marketplace:listing-detail", ("demo", "Upper")),
        ("marketplace:listing-detail", ("demo", "x" * 81)),
    ],
)
def test_an_address_that_django_refuses_is_refused(name, args):
    address_of("marketplace:listing-detail", "demo", "hubspot")
    for _ in range(2):
        with pytest.raises(Exception) as refused:
            address_of(name, *args)
        with pytest.raises(type(refused.value)):
            reverse(name, args=args)


def test_arguments_of_a_kind_that_was_seen_are_not_tried_again():
    address_of("sandbox:run-detail", "demo", KEY)
    before = _shape.cache_info().misses
    address_of("sandbox:run-detail", "other", UUID(int=7))
    assert _shape.cache_info().misses == before
