"""What a browser sends of the form of a draft where nobody typed anything."""

from html.parser import HTMLParser

from marketplace.workshop.field_forms import FieldsForm
from marketplace.workshop.field_values import values_of


def untouched(text: str) -> dict[str, str]:
    form = FieldsForm(values_of(text))
    parts = [*form.parts, *(form.actions.forms if form.actions is not None else ())]
    sent = {
        part.add_prefix(name): value.replace("\n", "\r\n") for part in parts for name, value in part.initial.items()
    }
    if form.actions is not None:
        number = str(len(form.actions.forms))
        sent |= {"actions-TOTAL_FORMS": number, "actions-INITIAL_FORMS": number}
    return sent


class _Reader(HTMLParser):
    """The fields of the form with an id, as a browser would send them when nobody touched anything."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.is_inside = form_id, False
        self.sent: dict[str, str] = {}
        self._select = self._area = ""
        self._first: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.is_inside = given.get("id") == self.form_id
        if not self.is_inside:
            return
        name = given.get("name", "")
        if tag == "input" and name and given.get("type") not in ("submit", "button"):
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self.sent[name] = given.get("value", "on" if given.get("type") == "checkbox" else "")
        elif tag == "select":
            self._select, self._first = name, None
        elif tag == "option" and self._select:
            if self._first is None:
                self._first = given.get("value", "")
                self.sent[self._select] = self._first
            if "selected" in given:
                self.sent[self._select] = given.get("value", "")
        elif tag == "textarea":
            self._area, self._text = name, []

    def handle_data(self, data: str) -> None:
        if self._area:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_inside = False
        if tag == "select":
            self._select = ""
        if tag == "textarea" and self._area:
            self.sent[self._area] = "".join(self._text).removeprefix("\n").replace("\n", "\r\n")
            self._area = ""


def fields_of(html: str, form_id: str) -> dict[str, str]:
    reader = _Reader(form_id)
    reader.feed(html)
    return reader.sent
