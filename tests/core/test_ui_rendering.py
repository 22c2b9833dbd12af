"""Choices as Django's own templates render them."""

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe

from galaxy.core.ui.rendering import FormRenderer

HOSTILE = """<b>"'&"""
CHOICES = {
    "plain": [("a", "A"), ("b", HOSTILE), (HOSTILE, "C")],
    "empty": [],
    "nothing chosen first": [("", "Choose one"), (None, "None"), (1, 2), (1234, 12345.5)],
    "in groups": [("One", [("a", "A"), ("b", "B")]), (HOSTILE, [("c", "C")]), ("d", "D")],
    "safe words": [(mark_safe("<i>"), mark_safe("<b>x</b>"))],
}


@pytest.mark.parametrize("value", ["a", None, HOSTILE, "1", "absent", ""])
@pytest.mark.parametrize("kind", CHOICES)
def test_a_select_is_djangos_own(kind, value):
    attrs = {"id": HOSTILE, "required": True, "disabled": False, "size": 4, "data-x": mark_safe("&amp;")}
    widget = forms.Select(attrs={"class": "select"}, choices=CHOICES[kind])
    ours, theirs = (widget.render("na<me", value, attrs, renderer()) for renderer in (FormRenderer, DjangoTemplates))
    assert ours == theirs


def test_several_are_chosen_and_some_are_off():
    class Own(forms.SelectMultiple):
        def create_option(self, *args, **kwargs):
            option = super().create_option(*args, **kwargs)
            return option | {"attrs": option["attrs"] | {"disabled": option["value"] == "b"}}

    widget = Own(choices=CHOICES["plain"])
    ours, theirs = (widget.render("many", ["a", "b"], None, one()) for one in (FormRenderer, DjangoTemplates))
    assert ours == theirs
    assert ours.count(" selected") == 2 and ours.count(" disabled") == 1


def test_every_form_is_rendered_so():
    assert isinstance(forms.Form().renderer, FormRenderer)
