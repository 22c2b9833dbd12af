"""What Django knows of models while migrations run, where what only adds to them has none of them drawn anew."""

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


def _parts(*more):
    fields = [("id", models.AutoField(primary_key=True)), ("of", models.ForeignKey("made_up.thing", models.CASCADE))]
    return ModelState("made_up", "Part", [*fields, *more])


def test_a_new_model_joins_those_at_hand_and_they_know_of_it(state):
    drawn = state.apps.get_model("made_up", "thing")
    with drawn_once():
        state.add_model(_parts())
    part = state.apps.get_model("made_up", "part")
    assert state.apps.get_model("made_up", "thing") is drawn is part._meta.get_field("of").remote_field.model
    assert [one.related_model for one in drawn._meta.related_objects] == [part]


def test_a_new_field_joins_the_model_at_hand_and_may_point_to_others(state):
    drawn = state.apps.get_model("made_up", "thing")
    with drawn_once():
        state.add_model(ModelState("made_up", "Part", [("id", models.AutoField(primary_key=True))]))
        before, part = state.clone(), state.apps.get_model("made_up", "part")
        state.add_field("made_up", "part", "of", models.ForeignKey("made_up.thing", models.CASCADE), True)
        state.add_field("made_up", "part", "size", models.IntegerField(default=3), False)
    assert state.apps.get_model("made_up", "part") is part
    assert [field.name for field in part._meta.fields] == ["id", "of", "size"]
    assert part._meta.get_field("of").remote_field.model is drawn is state.apps.get_model("made_up", "thing")
    assert not part._meta.get_field("size").has_default()
    assert "of" in state.relations["made_up", "thing"]["made_up", "part"]
    assert list(before.models["made_up", "part"].fields) == ["id"]


def test_python_of_ours_is_given_the_models_of_its_own_state_alone(state):
    """As ``RunPython`` asks for them: of what comes later in a migration there is nothing to be seen."""
    with drawn_once():
        state.add_model(_parts())
        before = state.clone()
        state.add_field("made_up", "part", "size", models.IntegerField(default=3), True)
    before.clear_delayed_apps_cache()
    thing, part = before.apps.get_model("made_up", "thing"), before.apps.get_model("made_up", "part")
    assert part._meta.get_field("of").remote_field.model is thing
    assert [field.name for field in part._meta.fields] == ["id", "of"]


def test_afterwards_django_draws_as_ever(state):
    drawn = state.apps.get_model("made_up", "thing")
    with pytest.raises(ZeroDivisionError), drawn_once():
        raise ZeroDivisionError
    state.add_index("made_up", "thing", OPTIONS["indexes"])
    assert state.apps.get_model("made_up", "thing") is not drawn
