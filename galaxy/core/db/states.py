"""Migrations without drawing models anew for each constraint and index.

Django keeps the models as a migration sees them, and draws those again that have changed, along with all that point to
them. A constraint or an index alters nothing that another model could see, yet it has a dozen drawn each time: on an
empty database that takes as long as all the rest. Here the model at hand is told of it, which is where Django looks
when it alters a field later on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.state import ProjectState

_Drawn: Any = ProjectState  # whose stubs leave out what is altered here


@contextmanager
def drawn_once() -> Iterator[None]:
    """Within, migrations run so in this process."""
    kept = _Drawn._append_option, _Drawn._remove_option
    _Drawn._append_option, _Drawn._remove_option = _append, _remove
    try:
        yield
    finally:
        _Drawn._append_option, _Drawn._remove_option = kept


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
