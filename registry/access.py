"""Who may do what with an installation, by role and by name: so that people know whom to ask."""

from collections import defaultdict

from guardian.models import GroupObjectPermission, UserObjectPermission

from galaxy.core.members.limits import in_order
from galaxy.core.models import Workspace
from registry.models import Installation

GRANTABLE_ACTS = {
    "view_installation": "See it",
    "run_installation": "Run it where it reads",
    "write_installation": "Run it where it writes",
    "pin_installation": "Move and pin its version",
}
ACTS = GRANTABLE_ACTS | {"install_extension": "Remove it"}


def who_may(installation: Installation) -> list[tuple[str, list[str]]]:
    """Each act with the roles and the people who hold it, on the workspace or on this installation alone."""
    holders: dict[str, list[str]] = defaultdict(list)
    on_workspace = {
        "object_pk": str(installation.workspace_id),
        "content_type__app_label": Workspace._meta.app_label,
        "content_type__model": Workspace._meta.model_name,
        "permission__codename__in": ACTS,
    }
    on_this = {
        "object_pk": str(installation.pk),
        "content_type__app_label": Installation._meta.app_label,
        "content_type__model": Installation._meta.model_name,
        "permission__codename__in": ACTS,
    }
    for where in (on_workspace, on_this):
        by_role = GroupObjectPermission.objects.filter(
            group__role_group__workspace=installation.workspace_id, **where
        ).select_related("permission", "group__role_group")
        roles = in_order(list({row.group.role_group for row in by_role}))
        places = {role.pk: place for place, role in enumerate(roles)}
        for row in sorted(by_role, key=lambda row: places[row.group.role_group.pk]):
            names = holders[row.permission.codename]
            if row.group.role_group.label not in names:
                names.append(row.group.role_group.label)
    for where in (on_workspace, on_this):
        by_name = UserObjectPermission.objects.filter(**where).order_by("user__name")
        for codename, name in by_name.values_list("permission__codename", "user__name"):
            if name not in holders[codename]:
                holders[codename].append(name)
    return [(label, holders[codename]) for codename, label in ACTS.items() if holders[codename]]
