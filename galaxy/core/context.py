"""What every page's shell shows: workspace, role, navigation with counts, unread news."""

from functools import cached_property, partial

from django.conf import settings

from galaxy.core.navigation import sections_for
from galaxy.core.notifications import reading
from galaxy.core.sessions import ending_of


class Shell:
    """Read by base.html as ``shell``; each part is worked out when a template first asks, so a partial pays nothing."""

    def __init__(self, request):
        self._request = request
        self.shown: tuple | None = None  # what its kept parts show (galaxy.core.shell_parts), once one was asked for

    @property
    def workspace(self):
        return getattr(self._request, "workspace", None)

    @property
    def membership(self):
        return getattr(self._request, "membership", None)

    @property
    def workspaces(self):
        return [membership.workspace for membership in getattr(self._request, "memberships", [])]

    @cached_property
    def ending(self):
        """When the session of whoever is signed in ends."""
        user = getattr(self._request, "user", None)
        session = getattr(self._request, "session", None)
        return ending_of(session) if session is not None and user and user.is_authenticated else None

    @property
    def is_reduced(self) -> bool:
        """Whether Python may run here behind fewer walls than it should, which every page says."""
        return settings.SANDBOX_REDUCED

    @property
    def break_glasses(self):
        """What a staff person has open, for the band over every page."""
        return getattr(self._request, "break_glasses", [])

    @property
    def role_label(self):
        if getattr(self._request, "break_glass", None):
            return "Support access"
        return self.membership.role_label if self.membership else ""

    @cached_property
    def unread(self) -> str:
        """How many notifications this person has not read here, as the bell shows it; "" for none."""
        known = self.__dict__.get("_sections")  # where the navigation is shown, it was counted with it
        count = known[1] if known else reading.unread_count(self._request.user, self.workspace)
        return f"{reading.MOST_COUNTED}+" if count > reading.MOST_COUNTED else str(count or "")

    @property
    def nav(self):
        return self._sections[0]

    @cached_property
    def _sections(self):
        request = self._request
        asks = self.workspace is not None and request.user.is_authenticated
        return sections_for(request, partial(reading.unread, request.user, self.workspace) if asks else None)


def shell(request) -> dict:
    return {"shell": Shell(request)}
