"""Every write that a person triggers around a broken glass: break it, run under it, end it, review it.

`acting_user` is always somebody: a glass is broken by one person, at the terminal too (`--as`).
"""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from rollbacks import actions, audit, emergencies, under_glass
from rollbacks.models import BrokenGlass, Rollback
from rollbacks.states import IllegalMove
from rollbacks.tasks import apply_rollback_soon
from tenants import access
from tenants.models import TrackedConfig


def name_of(config: TrackedConfig) -> str:
    """Give what has to be typed to show that it is this object and no other."""
    name = " ".join(str(config).split())
    # What cannot be seen cannot be typed.
    return name if name.isprintable() else config.object_id


def break_glass(
    config: TrackedConfig,
    *,
    acting_user: User,
    reason: str,
    typed_name: str,
    minutes: int = emergencies.DEFAULT_MINUTES,
) -> BrokenGlass:
    """Let this person carry out rollbacks of this one object without the approvals, for so many minutes.

    Raises NotAllowed for a reason that says nothing, another name than the object's, minutes out of bounds, and while
    the tenant owes a review; PermissionDenied without the role of incident commander.
    """
    _require(acting_user, config, *access.BREAKS_GLASS)
    reason = actions.check_reason(reason)
    if " ".join(typed_name.split()) != name_of(config):
        raise actions.NotAllowed(
            f"The name that was typed, “{typed_name.strip()}”, is not the object's: “{name_of(config)}”. "
            "Nothing was changed; make sure that it is the right object."
        )
    if not emergencies.SHORTEST <= minutes <= emergencies.LONGEST:
        raise actions.NotAllowed(
            f"The glass can be broken for {emergencies.SHORTEST} to {emergencies.LONGEST} minutes; this says {minutes}."
            " Nothing was changed."
        )
    actor = acting_user.get_username()
    try:
        return emergencies.break_glass(config, user=acting_user, actor=actor, reason=reason, minutes=minutes)
    except emergencies.ReviewOwed as error:
        raise actions.NotAllowed(str(error)) from error


def run_under_glass(rollback: Rollback, *, acting_user: User) -> Rollback:
    """Queue a rollback that nobody has approved, under this person's open glass on its object.

    Raises NotAllowed where no glass of theirs is open on the object; PermissionDenied without the role.
    """
    _require(acting_user, rollback.config, *access.BREAKS_GLASS)
    with transaction.atomic():
        try:
            queued = under_glass.request_run(rollback, user=acting_user)
        except (IllegalMove, emergencies.NotOpen) as error:
            raise actions.NotAllowed(f"{error} Nothing was sent.") from error
        transaction.on_commit(lambda: apply_rollback_soon(queued.pk))
    return queued


def end_glass(glass: BrokenGlass, *, acting_user: User) -> BrokenGlass:
    """End a glass before its time: whoever broke it, an approver or an administrator of the tenant may.

    What was queued under it and has not begun waits for its approvals again. Raises NotAllowed where it has ended.
    """
    roles = () if glass.broken_by_id == acting_user.pk else emergencies.SETTLES
    _require(acting_user, glass.config, *roles)
    if not under_glass.close(glass, BrokenGlass.End.ENDED, actor=acting_user.get_username()):
        glass.refresh_from_db()
        raise actions.NotAllowed(f"This glass has {glass.get_end_display()} already. Nothing was changed.")
    glass.refresh_from_db()
    return glass


def settle_review(glass: BrokenGlass, *, acting_user: User, verdict: BrokenGlass.Verdict, comment: str) -> BrokenGlass:
    """Settle the review of a broken glass with a verdict and a comment, as a second person.

    Raises NotAllowed for one's own glass, one that is still open, and one that is settled; PermissionDenied without the
    role of approver or tenant administrator.
    """
    _require(acting_user, glass.config, *emergencies.SETTLES)
    comment = actions.check_reason(comment)
    if not emergencies.is_open(glass):
        under_glass.close(glass, BrokenGlass.End.EXPIRED, actor=audit.CONSOLE)
    try:
        return emergencies.settle(
            glass, user=acting_user, actor=acting_user.get_username(), verdict=verdict, comment=comment
        )
    except emergencies.NotSettled as error:
        raise actions.NotAllowed(str(error)) from error


def _require(acting_user: User, config: TrackedConfig, *roles: access.Role) -> None:
    if not acting_user.is_active:
        raise PermissionDenied(f"{acting_user.get_username()} is not active. Nothing was done.")
    access.require(acting_user, config.tenant, *roles)
