"""What a conflict was about: what we would have written, what is live, who wrote it, and both beside the base.

Everything here was recorded when it happened; nothing is asked of the platform. The way on is a new plan with a new
approval, never the old one on another base.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.http import urlencode

from rollbacks import attestations, composing, differences, facts, showing
from rollbacks.models import Attempt, Rollback, Send, Step
from rollbacks.showing import Shown
from rollbacks.states import PENDING, State
from rollbacks.verdicts import SendOutcome, Verdict
from tenants import archive
from tenants.documents import (
    InvalidDocument,
    Missing,
    Part,
    Side,
    Value,
    canonical_bytes,
    composed,
    parts,
    place_text,
)
from tenants.models import Snapshot
from tenants.resource_types import catalogue, secrets, written

MOST_ROWS: Final = 200
LARGEST_SHOWN: Final = 200_000
STANDINGS: Final = {
    "overlap": ("danger", "both, differently"),
    "same": ("ok", "both, the same"),
    "ours": ("info", "only ours"),
    "theirs": ("warn", "only theirs"),
}
"""Who changed a place against the base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One place that we or they changed against the base."""

    place: str
    where: str
    standing: str
    base: Shown | None
    ours: Shown | None
    theirs: Shown | None
    raw: "tuple[Value | Missing, Value | Missing, Value | Missing]"
    """The three sides as values, for JSON."""

    @property
    def tone(self) -> str:
        """The tone of its pill."""
        return STANDINGS[self.standing][0]

    @property
    def words(self) -> str:
        """Who changed it, in words."""
        return STANDINGS[self.standing][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One body that was refused, or that never left."""

    step: Step
    sends: tuple[Send, ...]
    if_match: str
    text: str
    """As text, with words in place of secrets; empty where it is too large to be shown, or hides a secret."""
    url: str
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """Everything about one conflict."""

    rollback: Rollback
    headline: str
    sentence: str
    at: datetime
    """When live was seen to have moved."""
    bodies: tuple[Refused, ...]
    theirs: Snapshot | None
    """Live as it was read then; None where it is not kept."""
    author: str
    """Who the version itself says wrote it."""
    asked: attestations.Told | None
    """What the platform's own audit says of it; None where it was not asked yet."""
    rows: tuple[Row, ...]
    more: int
    """Rows beyond those that are shown."""
    problem: str
    """Why the three versions cannot be laid beside each other; empty where they can."""
    again: str
    """The address of the page that plans the same on the new live."""

    @property
    def overlaps(self) -> int:
        """In how many places both sides made something else of the base."""
        return sum(row.standing == "overlap" for row in self.rows)


def dossier_of(rollback: Rollback) -> Dossier | None:
    """Give the dossier of a rollback that met somebody else's write; None for any other."""
    last = Attempt.objects.filter(rollback=rollback).select_related("step", "read_back").order_by("step__number").last()
    told = _what_happened(rollback, last)
    if told is None:
        return None
    theirs = _theirs(rollback, last)
    rows, problem = _rows_or_problem(rollback, theirs)
    steps = [last.step] if last is not None else list(rollback.steps.order_by("number")[:1])
    name = "an author whom the platform does not name"
    return Dossier(
        rollback=rollback,
        headline=told[0],
        sentence=told[1],
        at=rollback.state_changed_at if rollback.state not in PENDING or theirs is None else theirs.captured_at,
        bodies=tuple(_body(rollback, step, last) for step in steps),
        theirs=theirs,
        author="" if theirs is None else theirs.author_name or theirs.author_id or name,
        asked=attestations.of_conflict(rollback),
        rows=tuple(rows[:MOST_ROWS]),
        more=max(len(rows) - MOST_ROWS, 0),
        problem=problem,
        again=again_url(rollback),
    )


def again_url(rollback: Rollback) -> str:
    """Give the address that plans the same on the new live: target, places, reason and ticket; approvals begin anew."""
    if rollback.reverts_id is not None:
        address = reverse("admin:rollbacks_rollback_undo", args=(rollback.config_id, rollback.reverts_id))
    else:
        address = reverse("admin:rollbacks_rollback_plan", args=(rollback.config_id, rollback.target_id))
    chosen = [("only", place) for place in rollback.only] + [("keep", place) for place in rollback.keep]
    if rollback.confirm_minutes:
        chosen.append(("confirm", str(rollback.confirm_minutes)))
    return f"{address}?{urlencode([('again', str(rollback.pk)), *chosen])}"


def _what_happened(rollback: Rollback, last: Attempt | None) -> tuple[str, str] | None:
    """Say which way the conflict was met, in a headline and a sentence; None where there was none."""
    outcomes = [] if last is None else list(last.sends.values_list("outcome", flat=True))
    if last is not None and last.verdict == Verdict.DIVERGENT and "landed_as" in last.evidence:
        return (
            "Our write landed on somebody else's.",
            "The platform checked nothing, and somebody wrote between our last comparison and our write.",
        )
    if last is not None and last.verdict == Verdict.CONFLICT:
        if not outcomes:
            return ("The base moved before the first byte left.", "The intent was recorded, and nothing was sent.")
        if SendOutcome.LOST_RACE in outcomes:
            return (
                "The platform refused the write, because somebody was first.",
                "Live was read after the refusal and is another version's; nothing of ours landed.",
            )
        return (
            "The answer was lost, and somebody was first.",
            "What was read back afterwards is not what was sent, and not ours.",
        )
    if rollback.state == State.CONFLICT:
        return (
            "Live had moved before anything was sent.",
            "The run looked at live first and found another state than the approved plan was made on.",
        )
    if rollback.state in PENDING and _has_moved(rollback):
        return (
            "Live has moved while this waits.",
            "Nothing was sent. Run now, it would be refused: the approved plan holds on its own base alone.",
        )
    return None


def _has_moved(rollback: Rollback) -> bool:
    live = rollback.config.live
    if live is None:
        return False
    if rollback.base_version is not None:
        return live.version > rollback.base_version
    return live.digest != rollback.base_digest


def _theirs(rollback: Rollback, last: Attempt | None) -> Snapshot | None:
    if last is not None and last.read_back is not None:
        return last.read_back if last.read_back.config_id == rollback.config_id else None
    if rollback.state in PENDING:
        return rollback.config.live
    seen = rollback.config.snapshots.filter(captured_at__lte=rollback.state_changed_at)
    return seen.order_by("-version", "-captured_at", "-pk").first()


def _body(rollback: Rollback, step: Step, last: Attempt | None) -> Refused:
    sends = tuple(last.sends.all()) if last is not None else ()
    raw = shown_body(step)
    return Refused(
        step=step,
        sends=sends,
        if_match=facts.etag_text(None if last is None else last.if_match) or "",
        text="" if raw is None or len(raw) > LARGEST_SHOWN else raw.decode("utf-8", "backslashreplace"),
        url=reverse("admin:rollbacks_rollback_body", args=(rollback.pk, step.number)),
        sent=bool(sends),
    )


def shown_body(step: Step) -> bytes | None:
    """Give a step's exact bytes with words in place of secrets; None where a secret in it could not be found."""
    raw = bytes(step.body)
    try:
        rtype = catalogue.get(step.resource_type)
    except catalogue.UnknownType:
        return None
    try:
        return secrets.hidden_bytes(rtype, raw)
    except InvalidDocument:
        return None


def _rows_or_problem(rollback: Rollback, theirs: Snapshot | None) -> tuple[list[Row], str]:
    if theirs is None:
        return [], "What was live then is not kept as a version of this object, so it cannot be laid beside the plan."
    try:
        return three_ways(rollback, theirs), ""
    except (archive.UnusableContent, InvalidDocument, catalogue.UnknownType) as error:
        return [], f"The three versions cannot be laid beside each other: {error}"


def three_ways(rollback: Rollback, theirs: Snapshot) -> list[Row]:
    """Give each place that the plan or live changed against the base, where both did so differently first.

    Raises UnusableContent and InvalidDocument.
    """
    rtype = catalogue.get(rollback.config.resource_type)
    grain = composing.grain_of(rtype)
    base, ours = differences.sides_of(rollback)
    plain = written.comparable(rtype, archive.value_of(rollback.base))
    other = secrets.hidden(rtype, written.comparable(rtype, archive.value_of(theirs)), beside=plain)
    by_us, by_them = parts(base, ours, grain=grain), parts(base, other, grain=grain)
    sides = [Side(value, canonical_bytes(value)) for value in (base, other, ours)]
    merged = composed(base=sides[0], live=sides[1], other=sides[2], grain=grain)
    rows = [_row(one.place, one.trail, "overlap", one.base, one.other, one.live) for one in merged.overlaps]
    covered = [one.place for one in merged.overlaps]
    left = {part.place: part for part in by_them if not _touches(part.place, covered)}
    for part in by_us:
        if _touches(part.place, covered):
            continue
        theirs_too = left.pop(part.place, None)
        change = part.change
        if theirs_too is None:
            rows.append(_row(part.place, _trail(part), "ours", change.before, change.after, change.before))
            continue
        # Of two changed secrets nobody is shown whether they are the same.
        secret = bool(part.place) and part.place[0] in rtype.secret
        standing = "overlap" if secret else "same"
        rows.append(_row(part.place, _trail(part), standing, change.before, change.after, theirs_too.change.after))
    rows += [
        _row(part.place, _trail(part), "theirs", part.change.before, part.change.before, part.change.after)
        for part in left.values()
    ]
    order = list(STANDINGS)
    return sorted(rows, key=lambda row: order.index(row.standing))


def _trail(part: Part) -> tuple[str, ...]:
    moved = (*part.change.trail, "its place") if part.change.kind == "moved" else part.change.trail
    return tuple(moved)


def _touches(place: Any, covered: list[Any]) -> bool:
    return any(place[: len(one)] == one or one[: len(place)] == place for one in covered)


def _row(
    place: Any,
    trail: tuple[str, ...],
    standing: str,
    base: "Value | Missing",
    ours: "Value | Missing",
    theirs: "Value | Missing",
) -> Row:
    return Row(
        place=place_text(place),
        where=" › ".join(trail) or "the whole document",
        standing=standing,
        base=showing.whole(base),
        ours=showing.whole(ours),
        theirs=showing.whole(theirs),
        raw=(base, ours, theirs),
    )


def to_json(dossier: Dossier) -> dict[str, Any]:
    """Give the document of `dossier --json` (CONTRACT.md)."""
    theirs, asked = dossier.theirs, dossier.asked
    return {
        "rollback": str(dossier.rollback.pk),
        "state": dossier.rollback.state,
        "what": dossier.headline,
        "at": dossier.at.isoformat(),
        "refused": [
            {
                "step": one.step.number,
                "request": f"{one.step.method} {one.step.path}",
                "if_match": one.if_match or None,
                "body_sha256": one.step.body_sha256,
                "body": one.text or None,
                "sends": [
                    {"status": send.status, "code": send.code or None, "correlation_id": send.correlation_id or None}
                    for send in one.sends
                ],
            }
            for one in dossier.bodies
        ],
        "base": {"version": dossier.rollback.base_version, "digest": dossier.rollback.base_digest},
        "live": None
        if theirs is None
        else {
            "version": theirs.version,
            "etag": theirs.etag_text or None,
            "digest": theirs.digest,
            "author": theirs.author_name or theirs.author_id or None,
            "written_at": None if theirs.written_at is None else theirs.written_at.isoformat(),
            "read_at": theirs.captured_at.isoformat(),
        },
        "platform": None
        if asked is None
        else {
            "state": asked.inquiry.state,
            "sentence": asked.sentence,
            "missing_permission": asked.inquiry.missing_permission or None,
            "records": asked.inquiry.records,
        },
        "rows": [
            {
                "place": row.place,
                "standing": row.standing,
                **{
                    name: None if isinstance(side, Missing) else side
                    for name, side in zip(("base", "ours", "theirs"), row.raw, strict=True)
                },
            }
            for row in dossier.rows
        ],
        "problem": dossier.problem or None,
        "plan_again": dossier.again,
    }
