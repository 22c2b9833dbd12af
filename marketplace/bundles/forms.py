"""Forms of bundles: a file, and whom to trust."""

from typing import Any

from django import forms

from marketplace.bundles.layout import MAX_BYTES, SUFFIX
from registry.models import Quarantine


class BundleForm(forms.Form):
    file = forms.FileField(
        label="Bundle",
        help_text=f"A {SUFFIX} file, {MAX_BYTES // 1024**2} MB at most. You see what is in it first.",
        widget=forms.FileInput(attrs={"accept": SUFFIX}),
    )

    @property
    def bytes(self) -> bytes:
        """One byte more than may be is enough to be refused."""
        return self.cleaned_data["file"].read(MAX_BYTES + 1)

    @property
    def name(self) -> str:
        return self.cleaned_data["file"].name


class SourceForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="How people here call that marketplace.")
    public = forms.CharField(
        label="Its first public key",
        max_length=100,
        help_text="32 bytes in base64, from its page of signing keys. Have it told by another way than the file.",
    )
    reason = forms.CharField(
        max_length=300,
        label="How you came to know it",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class SpeakingForm(forms.Form):
    reason = forms.CharField(max_length=300, widget=forms.Textarea(attrs={"rows": 2}))


class RevocationForm(forms.Form):
    reach = forms.ChoiceField(
        label="What came from it",
        choices=Quarantine.Reach.choices,
        widget=forms.RadioSelect,
        initial=Quarantine.Reach.INSTALLS,
    )
    reason = forms.CharField(max_length=300, widget=forms.Textarea(attrs={"rows": 2}))

    def clean_reason(self) -> Any:
        return self.cleaned_data["reason"].strip()
