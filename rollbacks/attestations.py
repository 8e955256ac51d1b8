"""How the platform's own audit stands to our writes, for people: one inquiry in words, all of them in a sentence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Count, QuerySet

from rollbacks.models import Attempt, Inquiry, Rollback
from tenants.audit_records import PERMISSION, Record

if TYPE_CHECKING:
    from tenants.models import Tenant

_WORDS: Final = {
    "looking": ("info", "no record yet"),
    "matched": ("ok", "attested by the platform"),
    "missing": ("warn", "no record on the platform"),
    "absent": ("plain", "no record, as the verdict says"),
    "foreign": ("danger", "foreign write in between"),
    "unclear": ("warn", "the records do not tell"),
    "named": ("info", "named by the platform"),
    "unnamed": ("warn", "not named by the platform"),
    "unreadable": ("warn", "cannot be seen"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record of the platform's audit as a row."""

    whose: str
    at: datetime
    who: str
    client: str
    addresses: str
    what: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How an inquiry stands."""

    inquiry: Inquiry
    tone: str
    words: str
    sentence: str
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """Which write it is about."""
        attempt = self.inquiry.attempt
        return "" if attempt is None else attempt.step.title


def told(inquiry: Inquiry) -> Told:
    """Say how an inquiry stands; never more than the records show."""
    tone, words = _WORDS[inquiry.state]
    rows = [] if inquiry.ours is None else [_row("ours", inquiry.ours)]
    client = inquiry.rollback.tenant.client_id
    rows += [_row("ours" if one["client"] == client else "theirs", one) for one in inquiry.records]
    rows.sort(key=lambda row: (row.at, row.id))
    return Told(inquiry=inquiry, tone=tone, words=words, sentence=_sentence(inquiry), rows=tuple(rows))


def of_writes(rollback: Rollback) -> list[Told]:
    """Say how the inquiries about a rollback's writes stand, in the order of its steps."""
    return [told(one) for one in _found(rollback, Inquiry.Kind.ATTESTATION)]


def of_conflict(rollback: Rollback) -> Told | None:
    """Say how the inquiry about what came before a conflict stands; None where there is none."""
    return next((told(one) for one in _found(rollback, Inquiry.Kind.CONFLICT)), None)


def of_attempt(attempt: Attempt | None) -> Told | None:
    """Say how the inquiry about one attempt's write stands; None where there is none."""
    if attempt is None:
        return None
    found = Inquiry.objects.filter(attempt=attempt).select_related("attempt__step", "rollback__tenant").first()
    return None if found is None else told(found)


def _found(rollback: Rollback, kind: str) -> QuerySet[Inquiry]:
    found = Inquiry.objects.filter(rollback=rollback, kind=kind).select_related("attempt__step", "rollback__tenant")
    return found.order_by("attempt__step__number", "pk")


def _row(whose: str, kept: dict[str, Any]) -> Row:
    record = Record.from_json(kept)
    changed = ", ".join(record.changed)
    return Row(
        whose=whose,
        at=record.at,
        who=record.user_name or record.user_id or "nobody named",
        client=record.client_id,
        addresses=", ".join(record.addresses),
        what=f"{record.action} {changed}".strip(),
        id=record.id,
    )


def _sentence(inquiry: Inquiry) -> str:  # noqa: C901 - one branch for each state
    """Say what was found, what that means and what not, and until when something may still come."""
    since, until = f"{inquiry.asked_at:%d %b %H:%M} UTC", f"{inquiry.until:%d %b %H:%M} UTC"
    still = inquiry.ended_at is None
    trouble = f" The last look was not answered: {inquiry.problem}" if inquiry.problem else ""
    others = [Record.from_json(one) for one in inquiry.records]
    match inquiry.state:
        case "matched" if inquiry.ours is not None:
            record = Record.from_json(inquiry.ours)
            more = f" Records of others are waited for until {inquiry.settles_at:%H:%M} UTC." if still else ""
            return (
                f"The platform's own audit has this write: {record.at:%d %b %H:%M:%S} UTC, by {record.who}"
                f"{_from(record)}.{more}{trouble}"
            )
        case "looking" if inquiry.looks:
            return (
                f"The platform's own audit has no record of it yet. It is looked for since {since}; one may still come "
                f"until {until}.{trouble}"
            )
        case "looking":
            return f"The platform's own audit is asked about it since {since}, until {until}.{trouble}"
        case "missing":
            return (
                f"The platform's own audit has no record of this write, looked for from {since} to {until}. What was "
                "read back stands; the platform does not say that every write is recorded."
            )
        case "absent":
            return (
                f"The platform's own audit has no record of a write of ours, looked for from {since} to {until}. That "
                "agrees with the verdict, and does not prove it."
            )
        case "foreign":
            who = "; ".join(f"{one.who}{_from(one)}, {one.at:%H:%M:%S.%f}"[:-3] + " UTC" for one in others)
            return (
                f"By the platform's own clock somebody wrote the object between what we read and what we wrote: {who}. "
                "That change was written over. Compare the versions, and ask whoever made it."
            )
        case "unclear" if inquiry.ours is not None:
            return (
                f"The platform's own audit has this write, and {_records(len(others))} of others so close to it that "
                "nobody can tell whether they lie between what we read and what we wrote."
            )
        case "unclear":
            return (
                f"The platform's own audit has {_records(len(others))} that may be this write's, or another's, and "
                "nothing in them tells which."
            )
        case "named":
            more = f" Further records are waited for until {inquiry.settles_at:%H:%M} UTC." if still else ""
            who = "; ".join(f"{one.who}{_from(one)}, {one.at:%d %b %H:%M:%S} UTC" for one in others)
            return f"Between the plan and the conflict the platform's own audit names: {who}.{more}{trouble}"
        case "unnamed":
            return (
                f"The platform's own audit names nobody for that time, looked for from {since} to {until}; what the "
                "version itself says of its author is all there is."
            )
        case _:
            again = f" It is asked again until {until}." if still else ""
            return f"The platform's own audit cannot be seen. {inquiry.problem}{again}"


def _from(record: Record) -> str:
    return f" from {', '.join(record.addresses)}" if record.addresses else ""


def _records(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How many writes there are and how the platform's audit stands to them."""

    counts: dict[str, int]

    @property
    def writes(self) -> int:
        """How many writes the platform was or is asked about, but for those that need not have landed and did not."""
        return sum(count for state, count in self.counts.items() if state != "absent")

    @property
    def worrying(self) -> bool:
        """Whether one of them needs a person."""
        return any(self.counts.get(state) for state in ("missing", "foreign", "unclear"))

    @property
    def sentence(self) -> str:
        """Say it in one sentence; empty where there is nothing to say."""
        if not self.writes:
            return ""
        found = self.counts.get
        rest = [
            f"{found(state)} {words}"
            for state, words in (
                ("missing", "missing"),
                ("foreign", "with a foreign write in between"),
                ("unclear", "unclear"),
                ("looking", "still looked for"),
                ("unreadable", f"that cannot be seen ({PERMISSION} may be missing)"),
            )
            if found(state)
        ]
        plural = "" if self.writes == 1 else "s"
        return f"{found('matched', 0)} of {self.writes} write{plural} attested by the platform{_listed(rest)}."

    def to_json(self) -> dict[str, int]:
        """Give the counts by state; every state is there."""
        states = ("matched", "missing", "absent", "foreign", "unclear", "looking", "unreadable")
        return {state: self.counts.get(state, 0) for state in states}


def _listed(rest: Sequence[str]) -> str:
    return f", {', '.join(rest)}" if rest else ""


def about_writes() -> "QuerySet[Inquiry]":
    """Give what the platform's audit is asked about writes, of all tenants."""
    return Inquiry.objects.filter(kind=Inquiry.Kind.ATTESTATION)


def summary(tenants: "Iterable[Tenant] | QuerySet[Tenant]") -> Summary:
    """Give how the platform's audit stands to all writes of some tenants, in one query."""
    found = about_writes().filter(rollback__tenant__in=tenants)
    counts = found.order_by().values("state").annotate(number=Count("pk")).values_list("state", "number")
    return Summary(counts=dict(counts))


def worrying(tenants: "Iterable[Tenant] | QuerySet[Tenant]", *, most: int) -> list[Told]:
    """Give the writes of some tenants to which the platform's audit does not simply say yes, the latest first."""
    found = (
        about_writes()
        .filter(rollback__tenant__in=tenants, state__in=("missing", "foreign", "unclear"))
        .select_related(
            "attempt__step", "rollback__tenant", "rollback__config", "rollback__target", "rollback__reverts"
        )
    )
    return [told(one) for one in found.order_by("-ended_by")[:most]]
