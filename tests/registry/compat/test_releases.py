"""A release whose number promises more than it keeps is refused, and the form says so with the number that fits."""

import pytest

from registry.compat import raised, shortfall_of, step
from registry.errors import VersionTooLow
from registry.models import Version
from tests.registry.samples import action, connector, publish

pytestmark = pytest.mark.django_db

MORE = action() + action(id="list_things", method="GET", scope="things.write")
NARROWER = action(method="PUT")


def numbered(number, *actions, **more):
    return connector("acme", number, *actions, **more)


@pytest.mark.parametrize(
    ("actions", "refused", "least"),
    [((NARROWER,), "1.9.9", "2.0.0"), ((MORE,), "1.0.1", "1.1.0"), ((), "1.0.0", "1.0.1")],
    ids=["major", "minor", "patch"],
)
def test_a_number_that_is_too_low_is_refused_with_the_reason_and_the_least_that_fits(actions, refused, least):
    publish(numbered("1.0.0"))
    manifest = numbered(refused, *actions, summary="Keeps other things.")
    assert least in shortfall_of(manifest, {}).fix
    assert shortfall_of(manifest, {}, publisher="Somebody else") is None  # the name is what is wrong there
    if actions:
        with pytest.raises(VersionTooLow) as refusal:
            publish(manifest)
        assert least in refusal.value.next_step
        assert any(path.startswith("actions.") for path in refusal.value.fields)
        assert Version.objects.count() == 1
    assert not shortfall_of(numbered(least, *actions, summary="Keeps other things."), {})
    publish(numbered(least, *actions, summary="Keeps other things."))


def test_a_release_between_two_others_keeps_what_both_promise():
    publish(numbered("1.0.0"))
    publish(numbered("1.2.0", summary="Another."))
    publish(numbered("2.0.0", NARROWER))
    with pytest.raises(VersionTooLow, match=r"Beside 1\.2\.0: list_things is gone"):
        publish(numbered("1.1.0", MORE))
    assert "1.3.0" in shortfall_of(numbered("1.1.0", MORE), {}).fix  # above 1.2.0, and below the break
    publish(numbered("1.3.0", MORE))


def test_pre_releases_promise_nothing_and_bind_nobody():
    publish(numbered("1.0.0"))
    publish(numbered("1.0.1-rc.1", NARROWER))
    publish(numbered("1.0.1", summary="A correction."))
    with pytest.raises(VersionTooLow):
        publish(numbered("1.0.2", NARROWER))


def test_before_the_first_release_the_middle_number_is_the_great_one():
    publish(numbered("0.2.0"))
    publish(numbered("0.2.1", MORE))
    with pytest.raises(VersionTooLow) as refusal:
        publish(numbered("0.2.2", NARROWER))
    assert "0.3.0" in refusal.value.next_step
    publish(numbered("0.3.0", NARROWER))


def test_a_yanked_release_still_counts():
    Version.objects.filter(pk=publish(numbered("1.0.0")).pk).update(status="yanked")
    with pytest.raises(VersionTooLow):
        publish(numbered("1.0.1", NARROWER))


@pytest.mark.parametrize(
    ("before", "level", "after"),
    [
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        ("0.2.3", "minor", "0.2.4"),
        ("0.2.3", "major", "0.3.0"),
        ("0.0.3", "patch", "0.0.4"),
        ("0.0.3", "major", "0.0.4"),
    ],
)
def test_the_least_number_takes_the_step(before, level, after):
    assert raised(before, level) == after
    assert step(before, "1.0.0") == "major" or before == "1.2.3"
