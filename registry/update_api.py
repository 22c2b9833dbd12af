"""How installations go forward, for machines: what waits and why, the rules, holds, fixes that do not wait, and planned
moves."""

from dataclasses import dataclass
from datetime import time

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from galaxy.core.api.resources import DetailView, ListView, lists, reads
from galaxy.core.api.serializers import EmptyBody
from galaxy.core.api.views import WorkspaceView, repeatable
from galaxy.core.errors import Invalid
from galaxy.core.permissions import require
from registry.api import Installations
from registry.models import Hold, Installation, ScheduledMove, Version
from registry.update_shapes import (
    DAY_NAMES,
    HoldBody,
    InstallationRulesBody,
    PlannedMoveBody,
    PlannedMoveSerializer,
    PlanSerializer,
    SkippedWaitSerializer,
    UpdateRulesBody,
    UpdateRulesSerializer,
    UpdateSerializer,
    WaitBody,
)
from registry.updates.facts import with_newer
from registry.updates.planning import Plan
from registry.updates.rules import hold, release, set_defaults, set_updates
from registry.updates.ruling import ruled_plans
from registry.updates.scheduling import call_off, schedule_move
from registry.updates.showing import defaults_of
from registry.updates.skipping import skip_wait


@lists("updates", "List what can be updated", tag="Updates")
class UpdateListView(Installations, ListView):
    """Installations with newer releases that the caller may see, newest installation first."""

    opens = {"GET": "installations.read"}
    row = UpdateSerializer
    moment = "installed_at"

    def rows(self, wanted):
        return with_newer(super().rows(wanted).active())

    def prepare(self, found):
        plans = ruled_plans(found)
        return [plans[one.pk] for one in found]


class UpdateRulesView(WorkspaceView):
    opens = {"GET": "installations.read", "POST": "installations.write"}

    @extend_schema(
        operation_id="update_rules_retrieve",
        summary="Read the rules for updates",
        responses=UpdateRulesSerializer,
        tags=["Updates"],
    )
    def get(self, request, workspace):
        """What holds for every installation that says nothing else."""
        require(request.user, "core.view_installation", self.workspace)
        return Response(_rules_of(self.workspace))

    @extend_schema(
        operation_id="update_rules_change",
        summary="Change the rules for updates",
        request=UpdateRulesBody,
        responses=UpdateRulesSerializer,
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace):
        """Whoever sends this answers for what is moved by it."""
        set_defaults(self.workspace, actor=request.user, values=_values(self.read(UpdateRulesBody)))
        return Response(_rules_of(self.workspace))


@reads("installation_updates", "Read how an installation goes forward", tag="Updates")
class InstallationUpdatesView(Installations, DetailView):
    """The rules that hold for one installation, a hold, and what comes of each newer release."""

    opens = {"GET": "installations.read", "POST": "installations.write"}
    row = PlanSerializer

    def visible(self):
        return super().visible().active()

    def find(self, **place):
        return with_hold(super().find(**place))

    @extend_schema(
        operation_id="installation_updates_change",
        summary="Change how an installation goes forward",
        request=InstallationRulesBody,
        responses=PlanSerializer,
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Set what one installation says for itself. Whoever sends this answers for what is moved by it."""
        one = get_object_or_404(self.visible(), pk=pk)
        set_updates(one, actor=request.user, values=_values(self.read(InstallationRulesBody)))
        return Response(PlanSerializer(with_hold(self.visible().get(pk=pk))).data)


class ActiveView(Installations):
    opens = {"POST": "installations.write"}

    def one(self, pk) -> Installation:
        return get_object_or_404(self.visible().active(), pk=pk)


def release_of(one: Installation, digest: str) -> Version:
    """The release of that digest that ``one`` could be moved to. Raises Invalid."""
    rows = Version.objects.installable().filter(extension=one.extension_id).select_related("extension")
    found = rows.filter(digest=digest).first()
    if found is None:
        raise Invalid("No such version can be installed here.", {"digest": "Take it from the releases."})
    return found


class HoldView(ActiveView):
    @extend_schema(
        operation_id="installations_hold",
        summary="Hold an installation",
        request=HoldBody,
        responses=PlanSerializer,
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Let nothing take it forward, until it is let go or until then. Going back stays possible."""
        one = self.one(pk)
        hold(one, actor=request.user, **self.read(HoldBody))
        return Response(PlanSerializer(with_hold(one)).data)


class HoldRemovalView(ActiveView):
    @extend_schema(
        operation_id="installations_release",
        summary="Let an installation go",
        request=EmptyBody,
        responses=PlanSerializer,
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """End a hold: it goes forward again as its rules say."""
        self.read(EmptyBody)
        one = self.one(pk)
        release(one, actor=request.user)
        return Response(PlanSerializer(with_hold(one)).data)


class WaitView(ActiveView):
    @extend_schema(
        operation_id="installations_skip_wait",
        summary="Take a security fix without its wait",
        request=WaitBody,
        responses=SkippedWaitSerializer,
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Ask for it, or agree as the second person; neither of them published it."""
        one, said = self.one(pk), self.read(WaitBody)
        version = release_of(one, said["digest"])
        return Response(SkippedWaitSerializer(skip_wait(one, version, actor=request.user, reason=said["reason"])).data)


class PlannedMoveView(ActiveView):
    @extend_schema(
        operation_id="installations_plan_move",
        summary="Plan a move",
        request=PlannedMoveBody,
        responses={201: PlannedMoveSerializer},
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Move it to another version at a time of one's choosing, or say then why not."""
        one, said = self.one(pk), self.read(PlannedMoveBody)
        version = release_of(one, said.pop("digest"))
        return Response(
            PlannedMoveSerializer(schedule_move(one, version=version, actor=request.user, **said)).data, status=201
        )


class PlannedMoveRemovalView(ActiveView):
    @extend_schema(
        operation_id="installations_call_off_move",
        summary="Call a planned move off",
        request=EmptyBody,
        responses=PlannedMoveSerializer,
        tags=["Updates"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Call off the move that waits."""
        self.read(EmptyBody)
        rows = ScheduledMove.objects.in_workspace(self.workspace).filter(installation=self.one(pk))
        waiting = rows.filter(state=ScheduledMove.State.WAITING).select_related("installation__workspace", "version")
        return Response(PlannedMoveSerializer(call_off(get_object_or_404(waiting), actor=request.user)).data)


@dataclass(frozen=True)
class Told:
    """What ``PlanSerializer`` writes."""

    plan: Plan
    hold: Hold | None


def with_hold(one: Installation) -> Told:
    found = ruled_plans([one])[one.pk]
    row = Hold.objects.filter(workspace=one.workspace_id, installation=one).select_related("held_by").first()
    return Told(found, row if row and row.holds(timezone.now()) else None)


def _rules_of(workspace) -> dict:
    row = defaults_of(workspace)
    days = [name for bit, name in enumerate(DAY_NAMES) if row.weekdays & 1 << bit]
    hours = {
        "days": days,
        "opens_at": f"{row.opens_at:%H:%M}",
        "closes_at": f"{row.closes_at:%H:%M}",
        "time_zone": row.time_zone,
    }
    names = ("policy", "wait_community", "wait_verified", "wait_enterprise", "wait_own", "takes_code")
    return UpdateRulesSerializer({name: getattr(row, name) for name in names} | {"window": hours}).data


def _values(said: dict) -> dict:
    """As the services take it: weekdays as bits, "" where nothing is said."""
    found = {name: value for name, value in said.items() if name != "window"}
    if "policy" in found:
        found["policy"] = found["policy"] or ""
    if "window" in said:
        hours = said["window"]
        found |= {
            "weekdays": sum({1 << DAY_NAMES.index(name) for name in hours["days"]}) if hours else None,
            "opens_at": time.fromisoformat(hours["opens_at"]) if hours else None,
            "closes_at": time.fromisoformat(hours["closes_at"]) if hours else None,
            "time_zone": hours["time_zone"] if hours else "",
        }
    return found
