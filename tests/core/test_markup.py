"""Markup is made as Django makes it."""

import pytest
from django.utils import html
from django.utils.safestring import mark_safe

from galaxy.core.ui import markup

HOSTILE = """<b>"'&"""
VALUES = [HOSTILE, mark_safe("<i>"), 7, None, 0.5, ["<"], type("Word", (str,), {})("<x>")]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_put_in_as_django_puts_it_in(value):
    assert markup.escaped(value) == html.conditional_escape(value)
    ours, theirs = (one.format_html('<a b="{}">{c}</a>', value, c=value) for one in (markup, html))
    assert ours == theirs and type(ours) is type(theirs)


@pytest.mark.parametrize("between", ["", "<br>", mark_safe("<br>")])
def test_rows_are_joined_as_django_joins_them(between):
    rows = [(one, "x") for one in VALUES]
    ours, theirs = (one.format_html_join(between, "<p>{} {}</p>", rows) for one in (markup, html))
    assert ours == theirs and type(ours) is type(theirs)
