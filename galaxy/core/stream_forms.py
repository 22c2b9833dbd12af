"""Forms of audit streams."""

from django import forms

from galaxy.core.models import AuditSink

_OFF = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


class SinkForm(forms.Form):
    name = forms.CharField(max_length=60, label="Name", help_text="What receives it, so that you know it again.")
    kind = forms.ChoiceField(
        label="How", choices=AuditSink.Kind.choices, initial=AuditSink.Kind.WEBHOOK, widget=forms.RadioSelect
    )
    address = forms.CharField(
        max_length=500,
        label="Address",
        widget=forms.TextInput(attrs=_OFF | {"class": "mono"}),
        help_text="A webhook: https://siem.example.com/galaxy. Syslog: logs.example.com:6514.",
    )
    actions = forms.RegexField(
        r"^[a-z][a-z0-9_.]*$",
        max_length=63,
        required=False,
        label="Only events that begin with",
        widget=forms.TextInput(attrs=_OFF | {"class": "mono"}),
        help_text="Such as approval. for what approvers do, or nothing for every event.",
        error_messages={"invalid": "Small letters, digits, underscores and points, as in approval.requested."},
    )
    from_start = forms.TypedChoiceField(
        label="From",
        coerce=lambda text: text == "start",
        choices=[("now", "Now on"), ("start", "The first event of this workspace")],
        initial="now",
        widget=forms.RadioSelect,
    )


class ReplayForm(forms.Form):
    cursor = forms.IntegerField(
        min_value=0, label="Leaf number", help_text="The first event to send again; 0 is the first there is."
    )
