"""What a written template calls: what stands in the context, and how it is shown. As in django.template.base."""

from collections.abc import Iterable
from html import escape
from inspect import signature
from typing import Any

from django.conf import settings
from django.template import Context
from django.template.base import VariableDoesNotExist, render_value_in_context
from django.template.context import BaseContext
from django.template.loader_tags import construct_relative_path
from django.utils.safestring import SafeString

from galaxy.core.addresses import address_of
from galaxy.core.ui.markup import escaped

MISSING: Any = object()  # where Django raises VariableDoesNotExist
_INVALID = ""  # the loader leaves templates of an engine with another ``string_if_invalid`` as they are
_NOT_THERE = (TypeError, AttributeError, KeyError, ValueError, IndexError)


def look(context: Context, name: str, bits: Iterable[str] = ()) -> Any:
    """What the context has under ``name``, and from there on ``within``; or MISSING."""
    for names in reversed(context.dicts):
        if name in names:
            found = names[name]
            if callable(found):
                try:
                    found = _called(found)
                except Exception as error:
                    return _silenced(error)
            return within(found, bits) if bits else found
    return MISSING


def within(current: Any, bits: Iterable[str]) -> Any:
    """What ``current`` has under each of ``bits`` in turn: a key, an attribute or a place, called where it can be."""
    try:
        for bit in bits:
            if hasattr(type(current), "__getitem__"):
                try:
                    current = current[bit]
                except _NOT_THERE:
                    current = _attribute(current, bit)
            else:
                try:
                    current = getattr(current, bit)
                except (TypeError, AttributeError):
                    current = _place(current, bit)
            if callable(current):
                if current is MISSING:
                    return current
                current = _called(current)
            elif current is MISSING:
                return current
    except Exception as error:
        return _silenced(error)
    return current


def needed(found: Any, name: str) -> Any:
    """``found``; MISSING is an error, as it is for the argument of a filter."""
    if found is MISSING:
        raise VariableDoesNotExist("Failed lookup for key [%s]", (name,))
    return found


def shown(value: Any, context: Context) -> str:
    """``value`` as part of a page, escaped."""
    kind = type(value)
    if kind is str and context.autoescape:
        return SafeString(escape(value))
    if kind is int and not settings.USE_THOUSAND_SEPARATOR:
        return str(value)
    return render_value_in_context(value, context)


def safe(output: Any, context: Context) -> Any:
    """What a tag made, escaped unless it is markup."""
    return escaped(output) if context.autoescape else output


def url_of(context: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    """As the tag ``url`` asks for it."""
    try:
        current_app = context.request.current_app
    except AttributeError:
        try:
            current_app = context.request.resolver_match.namespace
        except AttributeError:
            current_app = None
    return address_of(name, *args, current_app=current_app, **kwargs)


def included(node: Any, template: Any, context: Any) -> Any:
    """The template that an ``include`` means: as its ``render`` finds it."""
    if callable(getattr(template, "render", None)):
        return template.template if hasattr(template, "template") else template
    name: Any = template or ()
    name = (construct_relative_path(node.origin.template_name, name),) if isinstance(name, str) else tuple(name)
    kept = context.render_context.dicts[0].setdefault(node, {})
    found = kept.get(name)
    if found is None:
        found = kept[name] = context.template.engine.select_template(name)
    return found


def unequal(item: Any, wanted: int) -> None:
    try:
        length = len(item)
    except TypeError:
        length = 1
    if length != wanted:
        raise ValueError(f"Need {wanted} values to unpack in for loop; got {length}. ")


def _attribute(current: Any, bit: str) -> Any:
    try:
        if isinstance(current, BaseContext) and getattr(type(current), bit):
            raise AttributeError(bit)
        return getattr(current, bit)
    except (TypeError, AttributeError):
        return _place(current, bit)


def _place(current: Any, bit: str) -> Any:
    """The last that is tried, within an ``except``: an error of a property is that property's."""
    if not isinstance(current, BaseContext) and bit in dir(current):
        raise
    try:
        return current[int(bit)]
    except (IndexError, ValueError, KeyError, TypeError):
        return MISSING


def _called(current: Any) -> Any:
    if getattr(current, "do_not_call_in_templates", False):
        return current
    if getattr(current, "alters_data", False):
        return _INVALID
    try:
        return current()
    except TypeError:
        try:
            wanted = signature(current)
        except ValueError:
            return _INVALID
        try:
            wanted.bind()
        except TypeError:
            return _INVALID
        raise


def _silenced(error: Exception) -> Any:
    """Within an ``except``: what such an error shows, if it is one that says nothing."""
    if getattr(error, "silent_variable_failure", False):
        return _INVALID
    raise
