"""What the pages of rollbacks say, ready for a template: changes in words, sides, levels, verdicts and steps.

Nothing is decided here and nothing is written. Values that come from a tenant are plain text with what hides made
visible (`tenants.documents.visible`); templates escape them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tenants.documents import Change, Missing, Segment, Value, pretty, visible
from tenants.documents.lines import is_one_line, scalar_text
from tenants.documents.words import word_marks

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from rollbacks.models import Rollback

SIGNS: Final = {"added": "+", "removed": "−", "changed": "~", "moved": "⇅"}
LONGEST_UNMARKED: Final = 140
LONGEST_MARKED: Final = 900
LARGEST_BLOCK: Final = 20_000

LEVELS: Final = {
    "A": ("ETag", "The platform itself refuses the write when live no longer has the ETag that this plan was made on."),
    "B": (
        "version",
        "The platform itself refuses the write when live no longer has the version that this plan was made on.",
    ),
    "C": (
        "compared",
        (
            "The platform checks nothing for this type. The console compares live right before it writes; a change by "
            "somebody else in the milliseconds between would be lost, and the entry says how many there were."
        ),
    ),
}
"""What each guard level means (PLATFORM.md, "Two families of resource")."""

STEPS: Final = ("Choose version", "Review changes", "Reason", "Approval", "Run", "Result")


ACTION_WORDS: Final = {
    "rollback.requested": "Rollback requested",
    "rollback.refused": "Request refused by guards",
    "rollback.approved": "Rollback approved",
    "rollback.rejected": "Rollback rejected",
    "rollback.cancelled": "Request cancelled",
    "rollback.expired": "Request expired",
    "rollback.run_requested": "Run asked for",
    "rollback.voided": "Plan void by itself",
    "approval.voided": "Approval void by itself",
    "rollback.waits_again": "Waits for approval again",
    "notice.delivered": "People were told",
    "notice.given_up": "Telling people was given up",
    "rollback.scheduled": "Run scheduled",
    "rollback.unscheduled": "Schedule cancelled",
    "rollback.schedule_dropped": "Schedule dropped",
    "freeze.added": "Freeze window added",
    "freeze.ended": "Freeze window ended",
    "freeze.overridden": "Freeze overridden",
    "probe.intent": "Probe of a guard announced",
    "probe.outcome": "Probe of a guard concluded",
    "write.intent": "Write announced",
    "write.resend": "Same bytes sent again",
    "write.overdue": "Outcome overdue",
    "write.outcome": "Write concluded",
    "write.not_sent": "Write not sent",
    "glass.broken": "Glass broken",
    "glass.used": "Carried out without approval",
    "glass.ended": "Glass closed",
    "glass.expired": "Time box of a broken glass over",
    "review.owed": "Review owed",
    "review.reminded": "Review overdue",
    "review.settled": "Review settled",
    "confirmation.begun": "Counts down to its undo",
    "confirmation.not_begun": "No countdown: not proven to be ours",
    "confirmation.kept": "Kept",
    "confirmation.held_up": "Undo held up",
    "confirmation.lapsed": "Not kept: undo begun",
    "confirmation.stopped": "Not kept, and not undone",
    "propagation.watched": "Routing is watched",
    "propagation.seen": "Seen in routing",
    "propagation.not_seen": "Not seen in routing",
    "propagation.overtaken": "Overtaken before it was seen",
    "propagation.unreadable": "Routing cannot be seen",
    "attestation.matched": "Write attested by the platform",
    "attestation.missing": "No record of the write on the platform",
    "attestation.absent": "No record on the platform, as the verdict says",
    "attestation.foreign": "Foreign write between read and write",
    "attestation.unclear": "The platform's records do not tell",
    "attestation.unreadable": "The platform's records cannot be seen",
    "conflict.named": "The platform names who wrote first",
    "conflict.unnamed": "The platform has no record of who wrote first",
    "conflict.unreadable": "Who wrote first cannot be seen",
    "config.first_seen": "Object first seen",
    "config.changed": "Change seen on live",
    "config.set_back": "Object was set back",
    "config.vanished": "Object vanished",
    "config.unreadable": "Object became unreadable",
    "baseline.accepted": "Version accepted as right",
    "label.set": "Version labelled",
    "bisection.started": "Search for the first bad version started",
    "bisection.answered": "Version judged in a search",
    "label.withdrawn": "Label withdrawn",
    "config.bad_content": "Content labelled bad is live",
    "config.bad_content_between": "Content labelled bad was live between two looks",
    "tenant.added": "Tenant added",
    "tenant.changed": "Settings of the tenant changed",
    "role.granted": "Role granted",
    "role.revoked": "Role revoked",
    "claim.mapped": "Claim gives a role from now on",
    "claim.unmapped": "Claim gives no role any more",
    "tenant.resealed": "Client secret sealed with another key",
    "tenant.frozen": "Tenant frozen",
    "tenant.unfrozen": "Freeze lifted",
    "config.tracked": "Object tracked",
    "onboarding.asked": "Everything of the organization asked for",
    "onboarding.chosen": "Types chosen to take in",
    "onboarding.done": "Everything chosen was read",
    "onboarding.cancelled": "Taking in everything was cancelled",
    "config.returned": "Object is back",
    "audit.exported": "Trail exported",
    "evidence.taken": "Evidence pack taken",
    "person.changed": "Access of a person changed",
    "login.succeeded": "Signed in",
    "login.failed": "Sign-in refused",
    "access.refused": "Not allowed",
    "login.ended": "Signed out",
    "step_up.succeeded": "Confirmed who they are",
    "step_up.failed": "Confirmation refused",
    "factor.added": "Way of signing in added",
    "factor.removed": "Way of signing in removed",
    "factor.renamed": "Way of signing in renamed",
    "factor.replaced": "Recovery codes replaced",
    "sessions.ended": "Sessions ended from elsewhere",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One side of a change: a line with its marked words, or a title with the whole value behind a fold."""

    segments: tuple[Segment, ...] = ()
    title: str = ""
    block: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One change as a row of the table Kind, Where, Now, After."""

    kind: str
    sign: str
    where: str
    now: Shown | None
    after: Shown | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One member that a write takes from live, and why."""

    name: str
    value: str
    then: str
    """What the target had instead; empty where it had the same or nothing."""
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """One of the visible steps of a rollback."""

    label: str
    standing: str
    """done, failed, current, skipped or empty."""


def change_rows(changes: Iterable[Change]) -> list[ChangeRow]:
    """Give the rows of a difference; what moves by itself is left out."""
    return [_row(change) for change in changes if not change.volatile]


def _row(change: Change) -> ChangeRow:
    now, after = _sides(change)
    note = ""
    if change.kind == "moved" and change.from_index is not None and change.to_index is not None:
        note = f"from place {change.from_index + 1} to place {change.to_index + 1}"
    return ChangeRow(
        kind=change.kind,
        sign=SIGNS[change.kind],
        where=" › ".join(change.trail) or "the whole document",
        now=now,
        after=after,
        note=note,
    )


def _sides(change: Change) -> tuple[Shown | None, Shown | None]:
    before, after = change.before, change.after
    if change.kind == "moved":
        return None, None
    if (
        not isinstance(before, Missing)
        and not isinstance(after, Missing)
        and is_one_line(before)
        and is_one_line(after)
    ):
        if isinstance(before, str) and isinstance(after, str):
            old, new = word_marks(scalar_text(before), scalar_text(after))
            return Shown(_shortened(old)), Shown(_shortened(new))
        # Half a number is no word.
        return whole(before), whole(after)
    return whole(before), whole(after)


def whole(value: "Value | Missing") -> Shown | None:
    """Give one side with all of it marked; None where there is nothing."""
    if isinstance(value, Missing):
        return None
    if is_one_line(value):
        return Shown(_shortened((Segment(scalar_text(value), marked=True),)))
    text = pretty(value)
    if len(text) > LARGEST_BLOCK:
        text = f"{text[:LARGEST_BLOCK]}\n… {len(text) - LARGEST_BLOCK:,} more characters; see the comparison."
    return Shown(title=title_of(value), block=text)


def title_of(value: Value) -> str:
    """Say in a few words what an object or a list is."""
    if isinstance(value, dict):
        name = next((value[key] for key in ("name", "title", "id") if isinstance(value.get(key), str)), None)
        count = f"{len(value)} field{'' if len(value) == 1 else 's'}"
        return f"“{visible(str(name))[:80]}”, {count}" if name else count
    if isinstance(value, list):
        return f"{len(value)} item{'' if len(value) == 1 else 's'}"
    return scalar_text(value)


def _shortened(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Cut what did not change in the middle, so that the words that did stand out of a page of prompt."""
    short = []
    for place, segment in enumerate(segments):
        text = segment.text
        longest = LONGEST_MARKED if segment.marked else LONGEST_UNMARKED
        if len(text) > longest:
            head = 0 if not segment.marked and place == 0 else longest // 2
            tail = 0 if not segment.marked and place == len(segments) - 1 else longest // 2
            text = f"{text[:head]} … {text[len(text) - tail :] if tail else ''}".strip(" ")
            text = f" {text} " if not segment.marked else text
        short.append(Segment(text, segment.marked))
    return tuple(short)


_WHY_KEPT: Final = {
    "trafficPercent": "Traffic is shifted on the routing side and is never part of a rollback.",
    "deployed": "Whether it is deployed is decided where it is deployed, not by going back.",
    "deploymentId": "It names the deployment of now.",
    "campaignStatus": "The platform refuses to set a campaign's status back this way.",
}
_WHY_KEPT_OTHERWISE: Final = "It says what is running now, not what was configured."


def kept_rows(names: Iterable[str], live: dict[str, Value], target: dict[str, Value] | None) -> list[Kept]:
    """Give the members that stay as they are on live."""
    rows = []
    for name in names:
        value = live.get(name)
        old = (target or {}).get(name)
        rows.append(
            Kept(
                name=name,
                value=_on_a_line(value),
                then=_on_a_line(old) if target is not None and name in target and old != value else "",
                why=_WHY_KEPT.get(name, _WHY_KEPT_OTHERWISE),
            )
        )
    return rows


def _on_a_line(value: Value) -> str:
    text = scalar_text(value) if is_one_line(value) else title_of(value)
    return text if len(text) <= LONGEST_UNMARKED else f"{text[:LONGEST_UNMARKED]}…"


def steps(current: int, *, failed: bool = False, finished: bool = False) -> list[Step]:
    """Give the steps of a rollback with number `current` (from 1) as the one that it stands at."""
    standings = []
    for number in range(1, len(STEPS) + 1):
        if number < current or (number == current and finished):
            standings.append("done")
        elif number == current:
            standings.append("failed" if failed else "current")
        else:
            standings.append("")
    return [Step(label, standing) for label, standing in zip(STEPS, standings, strict=True)]


def name_of(user: "AbstractBaseUser | None", *, otherwise: str = "") -> str:
    """Give a person's name as pages say it."""
    if user is None:
        return otherwise
    full = user.get_full_name() if hasattr(user, "get_full_name") else ""
    return str(full or user.get_username())


def requester_of(rollback: "Rollback") -> str:
    """Give the name of whoever asked for a rollback."""
    return name_of(rollback.requested_by, otherwise=rollback.requester)


def names_in_words(names: Sequence[str], *, word: str = "or") -> str:
    """Join names as a sentence does."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {word} {names[-1]}"


def bytes_in_words(raw: "bytes | memoryview | None") -> str:
    """Give header bytes as text; they are Latin-1 (RFC 9110 section 5.5), and what hides is made visible."""
    return "" if raw is None else visible(bytes(raw).decode("latin-1"))


def action_words(action: str) -> str:
    """Say an entry's action as people do; an unknown one as it is."""
    return ACTION_WORDS.get(action, action)
