"""What the database alone knows is checked once more: when an attempt is opened (T1), and before every send.

Each runs inside the caller's transaction and under its locks: the config's row and the rollback's are held at T1, and
what may change meanwhile elsewhere (a freeze that is being set) is read under its own lock, so it is waited for and not
overlooked. Nothing here changes anything.
"""

from collections.abc import Sequence

from rollbacks import (
    approving,
    confirming,
    emergencies,
    facts,
    freezing,
    guards,
    labelled,
    one_object,
    proofs,
    stepping,
)
from rollbacks.models import Attempt, Rollback
from rollbacks.plans import PlannedStep
from tenants import durability
from tenants.models import Tenant, TrackedConfig


def before_attempt(
    rollback: Rollback, config: TrackedConfig, *, same: Sequence[TrackedConfig], steps: Sequence[PlannedStep]
) -> list[guards.Check]:
    """Give every check of T1; `same` are the locked rows that stand for the object or its steps (`one_object`)."""
    return [
        guards.check_durability(durability.why_not()),
        not_frozen(rollback.tenant),
        freezing.check_locked(rollback),
        guards.check_in_flight(one_object.open_attempt_on_any(config, steps)),
        one_object.check_no_newer_live(rollback, same),
        proofs.check_level(rollback),
        labelled.check_of(rollback),
        _approved(rollback),
    ]


def before_send(attempt: Attempt) -> guards.Check | None:
    """Give the first check that refuses the bytes of an open attempt; None when they may leave.

    An attempt outlives its worker, so a freeze may have come long after T1, and a step comes long after the approval:
    what is stored must still be what was signed.
    """
    durable = guards.check_durability(durability.why_not())
    if durable.refuses:
        return durable
    frozen = not_frozen(attempt.rollback.tenant)
    if frozen.refuses:
        return frozen
    outside = freezing.check_locked(attempt.rollback)
    if outside.refuses:
        return outside
    # What may have been received is brought to its end; what was not begun needs a glass that is open now.
    glass = None if attempt.sends.exists() else emergencies.check_next(attempt.rollback)
    if glass is not None and glass.refuses:
        return glass
    changed = stepping.check_still_signed(attempt)
    return changed if changed.refuses else None


def not_frozen(tenant: Tenant) -> guards.Check:
    """Check the freeze under the tenant's lock, so that one that is being set is waited for and not overlooked."""
    row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    return guards.check_tenant(frozen=row.frozen, reason=row.frozen_reason, name=row.name)


def _approved(rollback: Rollback) -> guards.Check:
    covering = confirming.covering(rollback)
    if covering is not None:
        return guards.approved_with(str(covering.pk), minutes=covering.confirm_minutes)
    if rollback.glass_id is not None:
        return emergencies.check(rollback)
    check = guards.check_approvals(needed=approving.needed(rollback), given=facts.approvals_given(rollback))
    if check.standing is guards.Standing.PENDING:
        return guards.Check(check.guard, check.title, guards.Standing.REFUSES, f"{check.message} Nothing was sent.")
    return check
