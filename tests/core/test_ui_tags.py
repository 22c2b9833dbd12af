"""The template vocabulary: what pages hand in comes out escaped, named and tied together."""

import re
from datetime import UTC, datetime

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory

from galaxy.core.http import requested_sort
from galaxy.core.permissions import Denied

EVIL = '"><script>alert(1)</script>'


def draw(source: str, **context) -> str:
    return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.asvs("1.1.2", "3.2.2")
@pytest.mark.parametrize(
    "source",
    [
        '{% badge "ok" evil %}',
        "{% badge evil evil %}",
        "{% status evil evil %}",
        "{% status evil %}",
        "{% tag evil %}",
        "{% tags list %}",
        "{% avatar evil %}",
        "{% btn evil href=evil key=evil name=evil hx_get=evil %}",
        '{% ibtn "x" evil title=evil %}',
        "{% copy evil shown=evil name=evil %}",
        "{% crumb evil evil %}",
        "{% fact evil evil %}",
        "{% facts rows evil %}",
        "{% stat evil evil evil evil %}",
        "{% meter evil evil 5 evil evil %}",
        "{% progress 1 2 evil evil %}",
        "{% wf 0 1 2 evil %}",
        '{% empty "runs" evil evil %}{{ evil }}{% endempty %}',
        "{% dialog evil evil evil %}{{ evil }}{% enddialog %}",
        "{% glyph evil evil %}",
        "{{ evil|pretty_json }}",
        "{{ evil|coded }}",
    ],
)
def test_nothing_a_page_hands_in_becomes_markup(source):
    shown = draw(source.replace(" title=evil", ""), evil=EVIL, list=[EVIL], rows=[(EVIL, EVIL)])
    assert "<script" not in shown
    assert shown.strip()


def test_a_seal_is_a_word_for_any_level():
    assert "seal-none" not in draw('{% seal "verified" %}')
    assert ">Community<" in draw('{% seal "community" %}')
    assert "<script" not in draw("{% seal evil %}", evil=EVIL)


def test_a_running_state_is_told_from_a_finished_one():
    assert "badge-live" in draw('{% status "running" "Running" %}')
    assert "badge-live" not in draw('{% status "succeeded" "Succeeded" %}')
    assert draw('{% include "ui/_status.html" with status="pending" label="Waiting" only %}').strip() == draw(
        '{% status "pending" "Waiting" %}'
    )


def test_a_time_carries_utc_and_never_is_a_word():
    moment = datetime(2026, 11, 25, 9, 5, 1, tzinfo=UTC)
    shown = draw("{% time moment exact=True %}", moment=moment)
    assert 'datetime="2026-11-25T09:05:01Z"' in shown
    assert ">2026-11-25 09:05:01 UTC<" in shown
    assert "never" in draw("{% time moment %}", moment=None)


def test_a_button_is_no_submit_unless_told_and_takes_attributes():
    assert 'type="button"' in draw('{% btn "Go" %}')
    shown = draw('{% btn "Go" type="submit" hx_post="/x/" disabled=True form=None %}')
    assert 'type="submit"' in shown
    assert 'hx-post="/x/"' in shown
    assert re.search(r" disabled[ >]", shown)
    assert "form" not in shown


class Sample(forms.Form):
    name = forms.CharField(label="Name", help_text="As on the contract.")
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea)
    agree = forms.BooleanField(label="I agree")
    way = forms.ChoiceField(label="Way", choices=[("a", "One"), ("b", "Two")], widget=forms.RadioSelect)


def field(bound, **extra) -> str:
    return render_to_string("ui/_field.html", {"field": bound, **extra})


def test_a_field_ties_label_hint_and_error_to_its_control():
    shown = field(Sample({}).fields and Sample({})["name"], id="row-7")
    control = re.search(r"<input[^>]*>", shown)[0]
    assert 'id="id_name-row-7"' in control
    assert 'aria-describedby="id_name-row-7-hint id_name-row-7-error"' in control
    assert 'aria-invalid="true"' in control
    assert '<label for="id_name-row-7">' in shown
    assert 'id="id_name-row-7-hint">As on the contract.' in shown
    assert re.search(r'id="id_name-row-7-error">.*This field is required', shown, re.DOTALL)


def test_an_optional_field_says_so_and_points_at_nothing_that_is_not_there():
    shown = field(Sample()["note"])
    assert "(optional)" in shown
    assert 'class="textarea"' in shown
    assert "aria-describedby" not in shown
    assert "aria-invalid" not in shown


def test_of_fields_that_stand_in_for_each_other_none_is_called_optional():
    class Document(forms.Form):
        one_of = ("file", "text")
        file = forms.FileField(required=False)
        text = forms.CharField(required=False)
        remark = forms.CharField(required=False)

    told = ["(optional)" in field(Document()[name]) for name in ("file", "text", "remark")]
    assert told == [False, False, True]


def test_a_group_is_a_fieldset_whose_options_have_ids_of_their_own():
    shown = field(Sample({"way": "b"})["way"], id="x")
    assert "<fieldset" in shown
    assert "<legend" in shown
    ids = re.findall(r'<input[^>]* id="([^"]+)"', shown)
    assert ids == ["id_way-x_0", "id_way-x_1"]
    assert [f'for="{one}"' in shown for one in ids] == [True, True]
    assert re.search(r'value="b"[^>]*checked', shown)


def test_a_control_that_is_not_yours_names_the_grant_and_who_gives_it():
    denied = Denied("core.install_extension", "Install and remove extensions", "Olga Winter")
    shown = render_to_string("ui/_denied.html", {"denied": denied, "label": "Install", "id": "hubspot"})
    assert 'aria-disabled="true"' in shown
    assert 'aria-describedby="denied-hubspot"' in shown
    assert "Needs “Install and remove extensions”. Olga Winter can give it." in shown
    assert 'type="button"' in shown


def _head(query: str, sort: str, extra: str = "") -> str:
    request = RequestFactory().get(f"/runs/?{query}")
    return draw('{% sort_th "Calls" "calls" sort ' + extra + " %}", request=request, sort=sort)


def test_a_sorted_heading_says_its_order_and_its_link_turns_it_and_keeps_the_filters():
    shown = _head("q=a%26b&page=3&sort=calls", "calls")
    assert 'aria-sort="ascending"' in shown
    assert 'href="?q=a%26b&amp;sort=-calls"' in shown
    assert 'aria-sort="descending"' in _head("", "-calls")
    assert "aria-sort" not in _head("", "name")
    assert "sort=-calls" in _head("", "name", "numeric=True")


def test_only_named_columns_sort():
    columns = {"name": "extension__name", "calls": "calls"}
    ask = RequestFactory().get
    assert requested_sort(ask("/?sort=-name"), columns, "calls") == ("-name", "-extension__name")
    assert requested_sort(ask("/?sort=password"), columns, "-calls") == ("-calls", "-calls")
    assert requested_sort(ask("/?sort=--name"), columns, "calls") == ("calls", "calls")
    assert requested_sort(ask("/"), columns, "calls") == ("calls", "calls")


def test_pages_keep_the_filters_and_stop_at_the_ends():
    def pager(number):
        request = RequestFactory().get("/runs/?q=x&page=2")
        return draw('{% pagination page "runs" %}', request=request, page=Paginator(range(25), 10).page(number))

    assert "11 to 20 of 25 runs" in pager(2)
    assert 'href="?q=x&amp;page=1"' in pager(2)
    assert 'href="?q=x&amp;page=3"' in pager(2)
    assert pager(1).count('aria-disabled="true"') == 1
    assert 'href="?q=x&amp;page=0"' not in pager(1)
    request = RequestFactory().get("/")
    one_page = draw('{% pagination page "people" %}', request=request, page=Paginator([1], 10).page(1))
    assert "<span>1 person</span>" in one_page
    assert "Next" not in one_page
    assert not draw("{% pagination page %}", request=request, page=Paginator([], 10).page(1)).strip()


def test_what_stands_between_backticks_is_code_and_stays_escaped():
    assert (
        draw("{{ one|coded }}", one="Name it under `undo`, not <b>.")
        == "Name it under <code>undo</code>, not &lt;b&gt;."
    )
    assert draw("{{ one|coded }}", one="`<i>` and ` alone") == "<code>&lt;i&gt;</code> and ` alone"
