"""Forms of the workshop: shape and plain validation of what people type."""

import re
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q

from galaxy.core.fields import WordsField
from marketplace.workshop.starters import STARTERS, TEXTS
from registry.manifests.sources import MAX_BYTES

EFFECTS = [("", "Any effect"), ("read", "Reads"), ("write", "Writes"), ("delete", "Deletes"), ("bulk", "In bulk")]
METHODS = [("", "Any method"), *((name, name) for name in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"))]
SHOWN = [("", "All"), ("chosen", "Chosen")]
NAME = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*", re.ASCII)


class StartForm(forms.Form):
    """What a draft begins with: a file of somebody's own, or else one of our texts."""

    file = forms.FileField(
        required=False,
        label="A file of yours",
        help_text="A manifest in YAML or JSON, or a Python file. Choose it or drop it here; 256 KB at most.",
    )
    start = forms.ChoiceField(
        label="Begin with",
        choices=[(one.value, one.label) for one in STARTERS],
        widget=forms.RadioSelect,
        initial="rest",
        required=False,
    )

    def clean_file(self) -> str:
        """The text of the file, "" without one."""
        file = self.cleaned_data["file"]
        if not file:
            return ""
        if file.size > MAX_BYTES:
            raise forms.ValidationError(f"A manifest has at most {MAX_BYTES // 1024} KB.")
        try:
            return file.read().decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise forms.ValidationError("It is not a text in UTF-8. Save it as one, and choose it again.") from error

    @property
    def text(self) -> str:
        return self.cleaned_data["file"] or TEXTS[self.cleaned_data["start"] or "rest"]


class TextForm(forms.Form):
    """The text as it was typed, and which saved one it began from."""

    text = forms.CharField(
        required=False,
        strip=False,
        label="Manifest",
        widget=forms.Textarea(attrs={"rows": 28, "spellcheck": "false", "autocapitalize": "off", "wrap": "off"}),
    )
    revision = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput())

    def clean_text(self) -> str:
        """Browsers send every line's end as CR LF; what is kept has the plain ones."""
        return self.cleaned_data["text"].replace("\r\n", "\n")


class FileForm(forms.Form):
    """A file beside the text: one from the disk, or typed."""

    one_of = ("upload", "content")
    # Another id than that of the text's, which stands on the same page.
    revision = forms.IntegerField(
        min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput(attrs={"id": "id_files_revision"})
    )
    path = forms.CharField(
        max_length=200,
        required=False,
        label="Name",
        help_text="As the manifest calls it, such as run.py. A file from the disk brings its own.",
    )
    upload = forms.FileField(required=False, label="File", allow_empty_file=True)
    content = forms.CharField(
        required=False,
        strip=False,
        label="Or its text",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "wrap": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        upload = data.get("upload")
        data["path"] = data.get("path") or (upload.name if upload else "")
        if not data["path"]:
            self.add_error("path", "Give the file a name.")
        return data

    @property
    def bytes(self) -> bytes:
        upload = self.cleaned_data.get("upload")
        return upload.read() if upload else self.cleaned_data["content"].replace("\r\n", "\n").encode()


class DocumentForm(forms.Form):
    """An OpenAPI document, from the disk or pasted."""

    one_of = ("file", "text")
    file = forms.FileField(required=False, label="File", help_text="JSON or YAML, 8 MB at most.")
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or its text",
        help_text="Up to about 1 MB; choose a file for more.",
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "wrap": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("file") and not (data.get("text") or "").strip():
            self.add_error("file", "Choose the document’s file, or paste its text.")
        return data

    @property
    def bytes(self) -> bytes:
        file = self.cleaned_data.get("file")
        return file.read() if file else self.cleaned_data["text"].encode("utf-8", "surrogatepass")


class OperationFilterForm(forms.Form):
    """Filters of a document's operations; every view of them is a link."""

    q = WordsField(label="Search")
    tag = forms.ChoiceField(required=False, label="Tag")
    method = forms.ChoiceField(required=False, choices=METHODS, label="Method")
    effect = forms.ChoiceField(required=False, choices=EFFECTS, label="Effect")
    show = forms.ChoiceField(required=False, choices=SHOWN, label="Show")

    def __init__(self, *args, tags: list[str], **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["tag"].choices = [("", "Any tag"), *((tag, tag) for tag in tags)]
        for field in self.selects:
            field.field.widget.attrs["class"] = "select"

    def apply(self, operations):
        """``operations`` (a queryset) under the filters that can be understood; the rest is left aside."""
        self.is_valid()
        given = self.cleaned_data
        if words := given.get("q"):
            operations = operations.filter(
                Q(path__icontains=words) | Q(summary__icontains=words) | Q(identifier__icontains=words)
            )
        if tag := given.get("tag"):
            operations = operations.filter(tags__contains=[tag])
        if method := given.get("method"):
            operations = operations.filter(method=method)
        if effect := given.get("effect"):
            operations = operations.filter(is_bulk=True) if effect == "bulk" else operations.filter(effect=effect)
        return operations.chosen() if given.get("show") else operations

    @property
    def selects(self) -> list[forms.BoundField]:
        return [self[name] for name in ("tag", "method", "effect", "show")]


class ImportForm(forms.Form):
    """The name of the connector that is drafted; ticks are read by ``ids_of``."""

    name = forms.CharField(
        max_length=60,
        label="Name of the connector",
        help_text="Lower-case words with dashes, such as acme-crm. Calls begin with it.",
    )

    def clean_name(self) -> str:
        name = self.cleaned_data["name"].strip().lower()
        if not NAME.fullmatch(name):
            raise forms.ValidationError("Use lower-case letters and digits, with single dashes between words.")
        return name


def ids_of(values: list[str]) -> list[UUID]:
    """The ids among what a form sent; what is none is left aside."""
    found = []
    for value in values:
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found
