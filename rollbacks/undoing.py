"""Undo what nobody has kept in time: an ordinary rollback, planned on exactly the state that the first one left.

The approval of the first rollback signed the option with its plan, so the undo needs no other one
(`confirming.covering`, asked under the lock at T1). Everything else holds for it as for any rollback: every guard, the
freeze, the procedure.
"""

from datetime import timedelta

import structlog
from django.utils import timezone

from rollbacks import audit, confirming, driving, facts, frozen, surveys, transitions
from rollbacks.models import Confirmation, Rollback
from tenants import connections
from tenants.remote import Platform, Purpose, RemoteError
from tenants.sealing import CannotUnseal

log = structlog.get_logger(__name__)

LIFETIME = timedelta(hours=24)
"""How long an undo that is queued may wait for what stands in its way."""


def undo_due(*, everything: bool = False) -> list[Rollback]:
    """Ask for the undo of everything that nobody has kept in time; give the rollbacks that were queued for it.

    With `everything` also where an earlier try is to be repeated only later. One that cannot be tried is in the log.
    """
    queued = []
    for pk in confirming.due(everything=everything):
        try:
            undo = undo_one(pk, everything=everything)
        except Exception:
            # One countdown must not keep the others from their end; its lease ends and it is tried again.
            log.exception("confirmation.not_looked_at", confirmation=pk)
            continue
        if undo is not None:
            queued.append(undo)
    return queued


def undo_one(confirmation_id: int, *, platform: Platform | None = None, everything: bool = False) -> Rollback | None:
    """Look at live and ask for the undo where it is exactly as it was left; None where nothing was asked for.

    What somebody else has touched is left alone, and the countdown stops and says so. What stands in the way only for a
    time (a freeze, a platform out of reach, another write under way) is waited for; it can still be kept meanwhile.
    """
    confirmation = confirming.claim(confirmation_id, everything=everything)
    if confirmation is None:
        return None
    rollback = driving.load(confirmation.rollback_id)
    reason = reason_of(rollback)
    try:
        platform = platform or connections.connect(rollback.tenant, purpose=Purpose.ROLLBACK)
        survey = surveys.take_survey(rollback.config, rollback.base, platform=platform, despite=reason)
    except (RemoteError, CannotUnseal) as error:
        _wait(confirmation, str(error))
        return None
    live = survey.live
    if live is not None and live.base != confirming.left_base(confirmation):
        moved = surveys.how_live_moved(live, confirming.left_base(confirmation))
        confirming.stop(
            confirmation, f"Somebody else has touched the object since: {moved} Nothing was written over it."
        )
    elif facts.is_altered(rollback):
        confirming.stop(
            confirmation, "The stored plan is no longer the one that was approved. Nothing was sent. Have it checked."
        )
    elif live is None or survey.refusals or not survey.steps:
        _wait(confirmation, surveys.sentences(survey.checks))
    else:
        now = timezone.now()
        undo = frozen.of_survey(
            survey,
            live,
            undoes=rollback,
            reason=reason,
            ticket=rollback.ticket,
            requester=audit.CONSOLE,
            requested_at=now,
            expires_at=now + LIFETIME,
            approvals_needed=rollback.approvals_needed,
            run_requested_at=now,
            run_requester=audit.CONSOLE,
        )
        if transitions.open_undo(confirmation, undo, survey.steps, checks=survey.checks):
            return undo
    return None


def reason_of(rollback: Rollback) -> str:
    """Give why the console takes a rollback back by itself."""
    return f"Nobody kept it within {rollback.confirm_minutes} minutes. It was: {rollback.reason}"


def _wait(confirmation: Confirmation, problem: str) -> None:
    if timezone.now() > confirmation.until + confirming.PATIENCE:
        hours = round(confirming.PATIENCE.total_seconds() / 3600)
        confirming.stop(confirmation, f"For {hours} hours something stood in the way of the undo. {problem}")
    else:
        confirming.postpone(confirmation, problem)
