"""Migrations without drawing models anew for each of them that comes, and each field, constraint and index.

Django keeps the models as a migration sees them, and draws those again that have changed, along with all that point to
them, and all that point to those: where nearly all lead to a workspace and a person, these are nearly all. On an empty
database that takes ten times as long as all the rest. A constraint or an index alters nothing that another model could
see; a new model and a new field only add to what is there. Here the models at hand are told of it, which is where
Django looks when it alters a table. What runs Python of ours is given models drawn anew, from the state alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field

_Drawn: Any = ProjectState  # whose stubs leave out what is altered here


@contextmanager
def drawn_once() -> Iterator[None]:
    """Within, migrations run so in this process."""
    ours = {"_append_option": _append, "_remove_option": _remove, "add_model": _add_model, "add_field": _add_field}
    kept = {name: getattr(_Drawn, name) for name in ours}
    for name, method in ours.items():
        setattr(_Drawn, name, method)
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(_Drawn, name, method)


def _add_model(state: Any, model_state: Any) -> None:
    key = model_state.app_label, model_state.name_lower
    state.models[key] = model_state
    if state._relations is not None:
        state.resolve_model_relations(key)
    if "apps" in state.__dict__:  # they are drawn already
        state.apps.render_multiple([model_state])
        state.is_delayed = True  # which has the models drawn anew for Python of ours


def _add_field(state: Any, app_label: str, model_name: str, name: str, field: Field, preserve_default: bool) -> None:
    if not preserve_default:
        field = field.clone()
        field.default = NOT_PROVIDED
    state.models[app_label, model_name].fields[name] = field
    if state._relations is not None:
        state.resolve_model_field_relations((app_label, model_name), name, field)
    if "apps" in state.__dict__:
        with state.apps.bulk_update():
            state.apps.get_model(app_label, model_name).add_to_class(name, field.clone())
        state.is_delayed = True


def _append(state: ProjectState, app_label: str, model_name: str, option_name: str, obj: Any) -> None:
    _set(state, app_label, model_name, option_name, [*_of(state, app_label, model_name, option_name), obj])


def _remove(state: ProjectState, app_label: str, model_name: str, option_name: str, obj_name: str) -> None:
    found = _of(state, app_label, model_name, option_name)
    _set(state, app_label, model_name, option_name, [one for one in found if one.name != obj_name])


def _of(state: ProjectState, app_label: str, model_name: str, option_name: str) -> list[Any]:
    return state.models[app_label, model_name].options[option_name]


def _set(state: ProjectState, app_label: str, model_name: str, option_name: str, found: list[Any]) -> None:
    state.models[app_label, model_name].options[option_name] = found
    if "apps" in state.__dict__:  # they are drawn already
        setattr(state.apps.get_model(app_label, model_name)._meta, option_name, list(found))
