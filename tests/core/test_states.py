"""What Django knows of models while migrations run, where constraints and indexes have none of them drawn anew."""

import pytest
from django.db import models
from django.db.migrations.state import ModelState, ProjectState

from galaxy.core.db.states import drawn_once

OPTIONS = {
    "constraints": models.UniqueConstraint(fields=["name"], name="one_name"),
    "indexes": models.Index(fields=["name"], name="by_name"),
}


@pytest.fixture
def state():
    """With one model, which is drawn."""
    found = ProjectState()
    found.add_model(ModelState("made_up", "Thing", [("id", models.AutoField(primary_key=True)),
                                                    ("name", models.TextField())]))  # fmt: skip
    assert found.apps.get_model("made_up", "thing")
    return found


@pytest.mark.parametrize("option", OPTIONS)
def test_the_model_at_hand_is_told_and_stays(state, option):
    drawn = state.apps.get_model("made_up", "thing")
    with drawn_once():
        state._append_option("made_up", "thing", option, OPTIONS[option])
        assert state.models["made_up", "thing"].options[option] == [OPTIONS[option]]
        assert getattr(drawn._meta, option) == [OPTIONS[option]]
        state._remove_option("made_up", "thing", option, OPTIONS[option].name)
        assert state.models["made_up", "thing"].options[option] == getattr(drawn._meta, option) == []
        assert state.apps.get_model("made_up", "thing") is drawn


@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_drawn_later_bears_it_as_well(state, option):
    with drawn_once():
        state._append_option("made_up", "thing", option, OPTIONS[option])
        state.add_field("made_up", "thing", "note", models.TextField(default=""), True)
    drawn = state.apps.get_model("made_up", "thing")
    assert [one.name for one in getattr(drawn._meta, option)] == [OPTIONS[option].name]
    assert drawn._meta.get_field("note")


def test_afterwards_django_draws_as_ever(state):
    drawn = state.apps.get_model("made_up", "thing")
    with pytest.raises(ZeroDivisionError), drawn_once():
        raise ZeroDivisionError
    state.add_index("made_up", "thing", OPTIONS["indexes"])
    assert state.apps.get_model("made_up", "thing") is not drawn
