"""What is exceptional about a rollback, on its page: a glass that was broken for it, and a countdown to its undo."""

from typing import TYPE_CHECKING, Any, Final

from rollbacks import actions, breaking_glass, confirming, emergencies, progress, showing
from rollbacks.states import State
from tenants import access
from tenants.access import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import User
    from django.http import QueryDict

    from rollbacks.models import Rollback


def context_of(rollback: "Rollback", user: "User") -> dict[str, Any]:
    """Give what the templates of the glass and of the countdown show, and what this person may do about either."""
    counts = confirming.confirmation_of(rollback)
    glass = rollback.glass
    waits = rollback.state == State.AWAITING_APPROVAL
    return {
        "confirmation": counts,
        "confirmation_told": None if counts is None else confirming.told(counts),
        "confirmation_left": "" if counts is None else confirming.time_left(counts),
        "confirmation_none": counts is None and confirming.has_ended(rollback),
        "may_keep": access.may(user, rollback.tenant, Role.OPERATOR, Role.APPROVER),
        "covered_by": confirming.approved_with(rollback),
        "glass": glass,
        "glass_sentence": "" if glass is None else emergencies.sentence_of(glass),
        "may_break_glass": waits and access.may(user, rollback.tenant, *access.BREAKS_GLASS),
        "open_glass": emergencies.open_glass(rollback.config, user) if waits else None,
    }


def steps_of(rollback: "Rollback", steps: "Sequence[showing.Step]") -> list[showing.Step]:
    """Give the visible steps of a rollback; what nobody approved says so, and whether its review is still owed."""
    glass = rollback.glass
    if glass is None:
        return list(steps)
    review = "review owed" if glass.settled_at is None else "reviewed"
    skipped = showing.Step(f"Approval skipped, {review}", "skipped")
    return [skipped if step.label == "Approval" else step for step in steps]


def is_under_way(rollback: "Rollback") -> bool:
    """Say whether the page should look again by itself, because of the countdown or of its undo."""
    return confirming.is_under_way(confirming.confirmation_of(rollback))


def counted(rollback: "Rollback") -> str:
    """Give a word that changes whenever the countdown of a rollback has to be shown anew; empty where there is none."""
    counts = confirming.confirmation_of(rollback)
    return "" if counts is None else f"-{counts.state}-{counts.tries}-{counts.undo.state if counts.undo else ''}"


def _keep(_typed: "QueryDict", rollback: "Rollback", user: "User") -> str:
    counts = confirming.confirmation_of(rollback)
    if counts is None or counts.kept_by_id != user.pk:
        actions.keep_rollback(rollback, acting_user=user)
    return "You kept it. It is not undone."


def _run_under_glass(_typed: "QueryDict", rollback: "Rollback", user: "User") -> str:
    if not progress.is_running(rollback):
        breaking_glass.run_under_glass(rollback, acting_user=user)
    return "The rollback was handed to the workers, although nobody approved it."


DOINGS: Final = {"keep": _keep, "run_under_glass": _run_under_glass}
"""What the buttons of both do, as the page of a rollback does the others."""
