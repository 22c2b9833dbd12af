"""A form field as the page shows it: label, control, hint and errors, tied together for assistive technology."""

from dataclasses import dataclass

from django import forms
from django.forms.boundfield import BoundField, BoundWidget
from django.utils.safestring import SafeString

CLASSES = {forms.Textarea: "textarea", forms.Select: "select", forms.widgets.Input: "input"}


@dataclass(frozen=True)
class FieldView:
    """What ``ui/_field.html`` draws. ``kind`` is text, check or group (radios and several checkboxes)."""

    bound: BoundField
    id: str
    label: str
    hint: str
    kind: str
    autocomplete: str = ""

    @property
    def hint_id(self) -> str:
        return f"{self.id}-hint"

    @property
    def error_id(self) -> str:
        return f"{self.id}-error"

    @property
    def described_by(self) -> str:
        """Ids of the hint and the errors that are really on the page."""
        parts = ((self.hint_id, self.hint), (self.error_id, self.bound.errors))
        return " ".join(part_id for part_id, is_shown in parts if is_shown)

    @property
    def is_optional(self) -> bool:
        """Worth a word: most fields are required, so the others say that they are not.

        A form whose fields stand in for each other names them in ``one_of``: one is needed, so none is optional.
        """
        is_needed = self.bound.field.required or self.bound.name in getattr(self.bound.form, "one_of", ())
        return not is_needed and self.kind == "text"

    @property
    def control(self) -> SafeString:
        return self.bound.as_widget(attrs=self._attrs())

    @property
    def options(self) -> list[BoundWidget]:
        """The radios or checkboxes of a group, each with an id of its own."""
        widget = self.bound.field.widget
        parts = widget.subwidgets(self.bound.html_name, self.bound.value(), attrs={"id": self.id})
        return [BoundWidget(widget, part, self.bound.form.renderer) for part in parts]

    def _attrs(self) -> dict[str, str | bool]:
        attrs: dict[str, str | bool] = {"id": self.id}
        own = self.bound.field.widget.attrs.get("class", "")
        base = next((name for kind, name in CLASSES.items() if isinstance(self.bound.field.widget, kind)), "")
        if self.kind == "text" and (own or base):
            attrs["class"] = f"{base} {own}".strip()
        if self.autocomplete:
            attrs["autocomplete"] = self.autocomplete
        if str(self.bound.label).lower() in str(self.bound.field.widget.attrs.get("placeholder", "")).lower():
            attrs["placeholder"] = False  # the label says it already, and stays when something is typed
        if self.described_by:
            attrs["aria-describedby"] = self.described_by
        if self.bound.errors:
            attrs["aria-invalid"] = "true"
        return attrs


def field_view(
    bound: BoundField, suffix: object = "", label: str = "", hint: str = "", autocomplete: str = ""
) -> FieldView:
    """``suffix`` keeps ids apart where one form stands on a page many times, as one per row; ``autocomplete`` is
    HTML's own list of purposes (WCAG 1.3.5)."""
    widget = bound.field.widget
    kind = "text"
    if isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        kind = "group"
    elif isinstance(widget, forms.CheckboxInput):
        kind = "check"
    element_id = bound.auto_id or bound.html_name
    return FieldView(
        bound=bound,
        id=f"{element_id}-{suffix}" if suffix else element_id,
        label=label or str(bound.label),
        hint=hint or str(bound.help_text),
        kind=kind,
        autocomplete=autocomplete,
    )
