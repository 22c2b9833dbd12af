"""The help page says what the grants say."""

import re

from django.urls import reverse

from galaxy.core.models import Workspace
from galaxy.core.permissions import can


def test_the_table_of_roles_agrees_with_what_each_person_can_do(client_of, cast, workspace):
    text = client_of(cast["member"]).get(reverse("core:help")).text
    rows = {label: re.findall("Yes|No", cells) for label, cells in _rows(text)}
    people = [cast[role] for role in ("owner", "admin", "approver", "creator", "auditor", "member")]
    for codename, label in Workspace._meta.permissions:
        assert rows[label] == ["Yes" if can(user, f"core.{codename}", workspace) else "No" for user in people], label


def _rows(text):
    for row in re.findall(r'<tr><th scope="row">(.*?)</tr>', text):
        label, _, cells = row.partition("</th>")
        yield label, cells
