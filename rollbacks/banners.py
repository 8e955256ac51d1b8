"""Where a rollback stands, as the headline of its page says it."""

from dataclasses import dataclass

from rollbacks import schedules, step_rows
from rollbacks.models import Attempt, Rollback, Step
from rollbacks.states import State
from rollbacks.voiding import VOID


@dataclass(frozen=True, slots=True)
class Banner:
    """Where a rollback stands, in a tone, a headline and sentences."""

    tone: str
    icon: str
    headline: str
    text: str


def banner_of(rollback: Rollback, attempt: Attempt | None) -> Banner:  # noqa: C901 - one branch for each state
    """Say where a rollback stands, so that somebody who is tired needs to read no further."""
    content = rollback.content
    are = "are" if content.startswith("the chosen values") else "is"
    told = rollback.explanation
    after = attempt.read_back if attempt is not None else None
    match rollback.state:
        case State.AWAITING_APPROVAL:
            return Banner("info", "clock", "Waiting for approval. Nothing has been sent.", told)
        case State.APPROVED if rollback.run_requested_at is not None:
            if told:
                return Banner("info", "clock", f"{rollback.doing} waits. Nothing has been sent.", told)
            return Banner("info", "refresh", rollback.doing, "Handed to the workers; live is looked at first.")
        case State.APPROVED if (waits := schedules.open_of(rollback)) is not None:
            return Banner("info", "clock", f"Scheduled. {schedules.sentence(waits)}", "Nothing has been sent yet.")
        case State.APPROVED if told:
            return Banner("warn", "alert", "The run was refused. Nothing was sent.", told)
        case State.APPROVED:
            return Banner("info", "check", "Approved. Nothing has been sent yet.", "It is sent when somebody runs it.")
        case State.APPLYING:
            return Banner("info", "refresh", rollback.doing, "This page follows by itself.")
        case State.APPLIED if rollback.verdict == "verified":
            bears = f" as v{after.version}" if after is not None and after.config_id == rollback.config_id else ""
            return Banner("ok", "check", f"Verified: {content} {are} live{bears}.", told)
        case State.APPLIED if rollback.verdict == "reached":
            return Banner("info", "check", f"Reached: live has {content}; who wrote it is not proven.", told)
        case State.APPLIED:
            return Banner(
                "warn", "alert", "Overwritten: the write landed, and somebody changed the object since.", told
            )
        case State.CONFLICT:
            return Banner("warn", "alert", "Conflict: live had moved. Nothing of this rollback landed.", told)
        case State.REFUSED if attempt is not None and attempt.evidence.get("presumed"):
            return Banner("warn", "user", "Closed by a person: presumed not applied.", told)
        case State.REFUSED:
            return Banner("warn", "cross", "Refused: nothing was changed.", told)
        case State.FAILED if rollback.verdict == "divergent":
            return Banner("danger", "alert", "Alarm: the platform stored something else than was sent.", told)
        case State.FAILED:
            return Banner("danger", "alert", _in_part(rollback), told)
        case State.UNKNOWN if attempt is not None and attempt.state == Attempt.State.OPEN:
            return Banner("warn", "clock", "The outcome is still open. The console keeps reading.", told)
        case State.UNKNOWN:
            which = "the write" if attempt is None else _which_write(attempt.step)
            return Banner("danger", "alert", f"Unknown: nobody can say whether {which} landed.", told)
        case State.CANCELLED if told.startswith(VOID):
            return Banner("warn", "alert", "Void by itself. Nothing was sent.", told)
        case State.CANCELLED:
            return Banner("plain", "cross", "Cancelled. Nothing was sent.", told)
        case _:
            return Banner("warn", "clock", "Expired. Nothing was sent.", told)


def _which_write(step: Step) -> str:
    count = Step.objects.filter(rollback=step.rollback_id).count()
    return f"step {step.number} of {count}" if count > 1 else "the write"


def _in_part(rollback: Rollback) -> str:
    """Say how many of the steps stand, so that nobody takes the rollback for done or for undone."""
    rows = step_rows.rows_of(rollback)
    standing = sum(row.word == "stands" for row in rows)
    live = any(row.word == "stands" and not row.draft for row in rows)
    # What a person presumed may have changed live all the same.
    live = live or rollback.attempts.filter(evidence__presumed=True).exists()
    stand = f"{standing} of {len(rows)} steps {'stands' if standing == 1 else 'stand'}"
    return f"Carried out in part: {stand}.{'' if live else ' It has not changed live.'}"
