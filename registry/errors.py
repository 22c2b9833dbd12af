"""What the registry refuses, each in a sentence for a person."""

from galaxy.core.errors import Conflict, DomainError, Invalid


class NotPublishable(Invalid):
    """A draft lacks something, or its files do not fit; nothing was published."""

    code = "not_publishable"
    next_step = "Put right what is listed, then publish it again."


class AlreadyPublished(Conflict):
    code = "already_published"
    next_step = "Raise the version in the manifest: what is published never changes."


class VersionTooLow(NotPublishable):
    """The number promises more than the release keeps (registry.compat); ``fields`` hold each reason by its place."""

    code = "version_too_low"
    next_step = "Raise the number as far as the reasons ask, or keep what the release before promised."


class NameTaken(Conflict):
    code = "name_taken"
    next_step = "Choose another name."


class NotInstallable(Conflict):
    code = "not_installable"
    next_step = "Open its page in the marketplace to see which versions there are."


class AlreadyInstalled(Conflict):
    code = "already_installed"
    next_step = "You find it under Installed."


class RequirementsMissing(Conflict):
    code = "requirements_missing"
    next_step = "Install what is missing first, or install it from the marketplace, which offers both together."


class PacksStop(Conflict):
    """Packs that call it would not run any more, and nobody said that this is wanted."""

    code = "packs_stop"
    next_step = "Move it on the page of its version, which names them, and say there that you saw it."


class MappingsUnfit(Conflict):
    """A step of a pack would fail as soon as it is reached: what it is given cannot fit what it calls."""

    code = "mappings_unfit"
    next_step = "Correct the pack, or move it or what it calls to versions that fit together."


class StillNeeded(Conflict):
    code = "still_needed"
    next_step = "Remove what needs it first, or type its name to remove it all the same."


class StillInstalled(Conflict):
    code = "still_installed"
    next_step = "Move its installation to another version first, or remove it."


class ConsentNeeded(Conflict):
    """A version asks for more than was agreed to, and nobody agreed to that."""

    code = "consent_needed"
    next_step = "Open the page of the move, read what it asks for, and agree there."


class NothingToAgree(Conflict):
    code = "nothing_to_agree"


class NameInUse(Conflict):
    """What would be installed bears a name that something installed here bears already."""

    code = "name_in_use"
    next_step = "Remove the one that is installed, or name your own otherwise."


class HeldHere(Conflict):
    """Somebody said that nothing takes it forward."""

    code = "held"
    next_step = "Let it go first, on its own page."


class AlreadyRemoved(Conflict):
    code = "already_removed"


class NeedsSignIn(Conflict):
    code = "needs_sign_in"
    next_step = "Open its connection to see how it connects."


class NotInstalled(DomainError):
    status = 404
    code = "not_installed"
    next_step = "Install it from the marketplace, or check the name."


class Altered(Conflict):
    """The stored bytes of a version are not those that its digest names. Nothing of it runs."""

    code = "digest_mismatch"
    next_step = "Tell the people who run Galaxy: its database was changed from outside."


class NotVouched(Altered):
    """Nothing that counts says that a version is the marketplace's: unsigned yet, or by a key that was revoked."""

    code = "not_vouched"
    next_step = "Its page in the marketplace says what it waits for."


class CannotSign(DomainError):
    status = 503
    code = "cannot_sign"
    next_step = "manage.py marketplace key list shows the keys; docs/publishing.md says how they are replaced."


class WrongSignature(Invalid):
    """64 bytes, and none of the publisher's keys made them of what is published."""

    code = "wrong_signature"
    next_step = (
        "Sign the statement as it was downloaded, without a line end after it, with an active key of the publisher."
    )


class AlreadyRevoked(Conflict):
    code = "already_revoked"


class AlreadyRetired(Conflict):
    code = "already_retired"


class Quarantined(DomainError):
    """A version that the marketplace took out: nobody installs it or moves to it. The sentence gives the reason."""

    status = 403
    code = "quarantined"
    next_step = "Choose another version, or wait until the marketplace has looked into it."


class AlreadyQuarantined(Conflict):
    code = "already_quarantined"
    next_step = "Lift it first, or let it reach further."


class NotQuarantined(Conflict):
    code = "not_quarantined"


class AlreadyYanked(Conflict):
    code = "already_yanked"


class AlreadyEnded(Conflict):
    code = "already_ended"
    next_step = "Publish another version."


class NotDeprecated(Conflict):
    code = "not_deprecated"


class NotPublisher(DomainError):
    """Who publishes an extension, and the marketplace's desk, say how its versions end; nobody else does."""

    status = 403
    code = "not_publisher"
    next_step = "Ask a manager of its publisher."


class NotManager(DomainError):
    """What only a publisher's managers change."""

    status = 403
    code = "not_manager"
    next_step = "Ask one of its managers; its page names them."


class AlreadyOnTeam(Conflict):
    code = "already_on_team"


class LastManager(Conflict):
    code = "last_manager"
    next_step = "Make somebody else a manager first."


class NotClaimable(Conflict):
    """A name that nobody else has, or that the people who run Galaxy have themselves."""

    code = "not_claimable"
    next_step = "Claim it, or choose another name."


class AlreadyClaimed(Conflict):
    code = "already_claimed"
    next_step = "The desk decides; you are told."


class AlreadyDecided(Conflict):
    code = "already_decided"


class NeedsAnother(DomainError):
    """What two people decide, and neither of them asked for."""

    status = 403
    code = "needs_another"
    next_step = "Ask somebody else at the desk."


class NoDomain(Conflict):
    """There is nothing that a name could be proven by."""

    code = "no_domain"
    next_step = "Say first by which domain it is to be proven."
