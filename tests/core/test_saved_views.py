"""Views that a person keeps of a list."""

import pytest

from galaxy.core.errors import Invalid
from galaxy.core.models import SavedView
from galaxy.core.saved_views import MOST, delete_view, rename_view, save_view, views_of


def keep(workspace, user, name, query="kind=run", page="approvals"):
    return save_view(workspace, user=user, page=page, name=name, query=query)


def test_views_are_ones_own_of_one_list_and_by_name(workspace, approver, admin):
    keep(workspace, approver, "  Sends   to many ")
    keep(workspace, approver, "Installs")
    keep(workspace, approver, "Runs of mine", page="runs")
    keep(workspace, admin, "Installs")
    assert [view.name for view in views_of(approver, workspace, "approvals")] == ["Installs", "Sends to many"]


def test_a_name_is_given_once_and_again_after_it_is_free(workspace, approver):
    view = keep(workspace, approver, "Installs")
    other = keep(workspace, approver, "Others")
    with pytest.raises(Invalid, match="You have a view of that name"):
        keep(workspace, approver, "Installs")
    with pytest.raises(Invalid, match="You have a view of that name"):
        rename_view(other, name="Installs")
    delete_view(view)
    assert rename_view(SavedView.objects.get(pk=other.pk), name="Installs").name == "Installs"


@pytest.mark.parametrize("name", ["", "   ", "x" * 41])
def test_a_name_has_some_letters_and_not_too_many(workspace, approver, name):
    with pytest.raises(Invalid):
        keep(workspace, approver, name)


def test_there_is_an_end_to_keeping(workspace, approver):
    rows = [SavedView(workspace=workspace, user=approver, page="approvals", name=str(n)) for n in range(MOST)]
    SavedView.objects.bulk_create(rows)
    with pytest.raises(Invalid, match="Delete one first"):
        keep(workspace, approver, "One more")
