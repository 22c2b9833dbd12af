"""Forms as Django renders them, but for choices, which it renders as a template each and a second one for its
attributes: the few hundred time zones there are took a third of the time of a page that offers them."""

from typing import Any

from django.forms import Select
from django.forms.renderers import DjangoTemplates
from django.utils.formats import localize
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe


class FormRenderer(DjangoTemplates):
    """``FORM_RENDERER`` of the settings."""

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        if template_name == Select.template_name:
            return _select(context["widget"])
        return super().render(template_name, context, request)


def _select(widget: dict[str, Any]) -> SafeString:
    """What django/forms/widgets/select.html says of ``widget``, which is what ``Select.get_context`` makes."""
    inner = "".join(_group(name, options) for name, options, _ in widget["optgroups"])
    name = conditional_escape(widget["name"])
    return mark_safe(f'<select name="{name}"{_attributes(widget["attrs"])}>{inner}\n</select>')  # noqa: S308


def _group(name: Any, options: list[dict[str, Any]]) -> str:
    inner = "".join(_option(option) for option in options)
    return f'\n  <optgroup label="{conditional_escape(localize(name))}">{inner}\n  </optgroup>' if name else inner


def _option(option: dict[str, Any]) -> str:
    value, label = _text(option["value"]), conditional_escape(localize(option["label"]))
    return f'\n  <option value="{value}"{_attributes(option["attrs"])}>{label}</option>\n'


def _attributes(attrs: dict[str, Any]) -> str:
    return "".join(_attribute(name, value) for name, value in attrs.items() if value is not False)


def _attribute(name: str, value: Any) -> str:
    return f' {conditional_escape(name)}="{_text(value)}"' if value is not True else f" {conditional_escape(name)}"


def _text(value: Any) -> str:
    return conditional_escape(value if isinstance(value, str) else str(value))
