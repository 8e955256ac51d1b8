"""The matrix of ambiguity: each answer to a write, times what truly became of it, times what others wrote meanwhile.

Each cell is played by the real code on PostgreSQL: an attempt stands after T1, its worker reads and sends, and then the
answer of the cell comes, whatever truly happened. Later sends are answered honestly. What the verdict must be is
transcribed here from PROTOCOL.md, from what truly happened and what could be seen of it, without asking the judge.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from rollbacks.models import Attempt, AuditEntry, Rollback
from tenants.remote import ConnectionLost, TimedOut
from tests.torture import checking, sharing
from tests.torture.proofs import Report, Scale, Table, Tell
from tests.torture.simulated import Reply, Request, refusal
from tests.torture.solo import Ground, Play
from tests.torture.solo_seams import held, play
from tests.torture.solo_way import ETAGS, SCHEDULE, SCHEMA, Way, refused

if TYPE_CHECKING:
    from tests.torture.history import History

Landed = Literal["landed", "landed altered", "not landed"]
Others = Literal["nobody", "other", "equal", "equal, then other"]

ANSWERS: Final = (
    "200",
    "204",
    "400 version mismatch",
    "400 other",
    "401",
    "403",
    "404",
    "408",
    "409 lost race",
    "409 locked",
    "412",
    "423",
    "428",
    "429",
    "429 with Retry-After",
    "500",
    "502",
    "503",
    "504",
    "connection reset",
    "timeout",
    "half a body",
    "HTML with 200",
    "redirect",
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What truly becomes of the first send, and who writes besides."""

    landed: Landed
    others: Others
    before: bool = False
    """Whether the others write before our bytes arrive, or right after."""

    def __str__(self) -> str:
        if self.others == "nobody":
            return self.landed
        return f"{self.others}, then {self.landed}" if self.before else f"{self.landed}, then {self.others}"


_OTHERS: Final[tuple[Others, ...]] = ("other", "equal", "equal, then other")
_LANDED: Final[tuple[Landed, ...]] = ("landed", "landed altered")
SITUATIONS: Final = (
    *itertools.chain.from_iterable(
        (Situation(landed, "nobody"), *(Situation(landed, others) for others in _OTHERS)) for landed in _LANDED
    ),
    Situation("not landed", "nobody"),
    *(Situation("not landed", others, before) for before in (True, False) for others in _OTHERS),
)
IMPOSSIBLE: Final = {
    "others write first, and ours lands all the same": (
        "at the levels A and B the platform turns it away; each such cell was tried and is “not landed”"
    ),
    "level B, authors named, history readable": "no type of the catalogue has both",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: an answer, a situation, a level, and what the platform shows."""

    level: str
    names_authors: bool
    keeps_history: bool
    answer: str
    situation: Situation

    def __str__(self) -> str:
        authors = "authors named" if self.names_authors else "no author named"
        history = "history readable" if self.keeps_history else "no history"
        return f"level {self.level}, {authors}, {history}: {self.answer}; {self.situation}"


def cells() -> Iterator[Cell]:
    """Give every cell that is possible."""
    for level, authors, history in itertools.product("AB", (True, False), (True, False)):
        if level == "A" or not (authors and history):
            for answer, situation in itertools.product(ANSWERS, SITUATIONS):
                yield Cell(level, authors, history, answer, situation)


@dataclass(frozen=True, slots=True)
class Expected:
    """What PROTOCOL.md says of a cell."""

    verdict: str
    overwritten: bool = False
    """Whether the evidence must name the version that came over it."""
    assumes: str | None = None


@dataclass(frozen=True, slots=True)
class _Version:
    ours: bool
    target: bool


# What PROTOCOL.md names as a refusal for certain; of the matrix's answers all others leave it open.
_FOR_CERTAIN: Final = ("400 other", "401", "403", "404")


def expected(cell: Cell) -> Expected:
    """Transcribe PROTOCOL.md, "The verdict": from what truly happened after the base and what can be seen of it."""
    after = _after_the_base(cell.situation)
    confirmed = cell.answer == "200"
    if not after:
        if confirmed:
            # The row: `r`, live = b through the horizon.
            return Expected("not_visible_yet")
        if cell.answer in _FOR_CERTAIN and cell.answer != "401":
            # Every send was turned away for certain.
            return Expected("not_applied")
        # At the horizon the same bytes again; after a 401 a new token once. They are answered honestly: 2xx, b + 1.
        after, confirmed = [_Version(ours=True, target=True)], True
    if len(after) == 1:
        return _of_the_expected_version(cell, after[0], confirmed=confirmed)
    if cell.keeps_history:
        # The row: live has gone beyond b + 1, which is readable in the platform's history.
        found = _of_the_expected_version(cell, after[0], confirmed=confirmed)
        return Expected(found.verdict, overwritten=True, assumes=found.assumes)
    if confirmed:
        return Expected("overwritten", overwritten=True, assumes="equal_write_not_answered_as_ours")
    return Expected("indeterminate")


def _after_the_base(situation: Situation) -> list[_Version]:
    ours = [] if situation.landed == "not landed" else [_Version(ours=True, target=situation.landed == "landed")]
    theirs = {
        "nobody": [],
        "other": [_Version(ours=False, target=False)],
        "equal": [_Version(ours=False, target=True)],
        "equal, then other": [_Version(ours=False, target=True), _Version(ours=False, target=False)],
    }[situation.others]
    return ours + theirs


def _of_the_expected_version(cell: Cell, version: _Version, *, confirmed: bool) -> Expected:
    our_name = cell.names_authors and version.ours
    another_name = cell.names_authors and not version.ours
    if version.target:
        # Somebody else who is named takes it back to reached.
        proven = our_name or (confirmed and not another_name)
        verdict = "verified" if proven else "reached"
    else:
        verdict = "divergent" if confirmed or our_name else "conflict"
    if cell.names_authors:
        return Expected(verdict)
    if confirmed:
        return Expected(verdict, assumes="equal_write_not_answered_as_ours")
    # A conflict after which every copy was turned away for certain assumes nothing.
    assumes = verdict == "conflict" and cell.answer not in _FOR_CERTAIN
    return Expected(verdict, assumes="stored_as_sent" if assumes else None)


# What the platform and the way do


class _Way:
    """Answers the first write of a cell as the cell says, and later ones honestly."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.asked = 0

    def __call__(self, one: Play, request: Request, limits: Any) -> Reply:
        self.asked += 1
        if self.asked > 1:
            return one.arrive(request)
        situation = self.cell.situation
        if situation.before:
            self._others_write(one)
        if situation.landed != "not landed":
            one.platform.stores_otherwise = int(situation.landed == "landed altered")
            honest = one.arrive(request)
        else:
            honest = _as_if_it_had_landed(one)
        if not situation.before:
            self._others_write(one)
        return _answer(self.cell.answer, one, honest, limits)

    def _others_write(self, one: Play) -> None:
        if self.cell.situation.others.startswith("equal"):
            one.write_elsewhere(one.target)
        if self.cell.situation.others.endswith("other"):
            one.write_elsewhere(one.ground.content("Tom's word"))


def _as_if_it_had_landed(one: Play) -> Reply:
    """Give the 2xx of a server that has not stored the write: its b + 1 and our content."""
    revisions = list(one.platform.revisions)
    one.platform.revisions = [*revisions[: one.base.version]]
    one.platform.write_elsewhere(one.target, by="nobody")
    reply = one.platform._show(one.platform.live)
    one.platform.revisions = revisions
    one.platform.accepted.pop()
    return reply


def _answer(name: str, one: Play, honest: Reply, limits: Any) -> Reply:  # noqa: C901 - one case for each answer
    kind = one.kind
    match name:
        case "200":
            return honest
        case "204":
            return Reply(204)
        case "400 version mismatch":
            return refusal(400, "bad.request", "The version does not match the current version.")
        case "400 other":
            return refusal(400, "bad.request", "The name is longer than 256 characters.")
        case "409 locked":
            # Level B has no such answer of its own: its services say 423.
            return refused(409, kind, locked=True)
        case "423":
            return refused(423, kind, locked=True)
        case "429 with Retry-After":
            return refused(429, kind, retry_after=30.0)
        case "connection reset":
            raise ConnectionLost("The connection broke before the answer was complete.")
        case "half a body":
            # The transport takes what ends too early for a lost connection.
            raise ConnectionLost("The answer ended after 57 of 212 bytes.")
        case "timeout":
            one.wait(limits.total_seconds)
            raise TimedOut("There was no complete answer in time.")
        case "HTML with 200":
            return Reply(200, b"<!doctype html><title>Signed out</title>", content_type="text/html")
        case "redirect":
            return Reply(307, b"")
    return refused(int(name[:3]), kind)


# Playing and checking


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a cell."""

    cell: Cell
    verdict: str
    sends: int
    broken: tuple[str, ...]


def play_cell(ground: Ground, cell: Cell) -> Result:
    """Play one cell and hold what came of it against PROTOCOL.md and the platform's own log."""
    way = Way(names_authors=cell.names_authors, keeps_history=cell.keeps_history)
    with play(ground, way, {}) as one:
        one.ends_invisible = True
        one.write = _Way(cell)
        one.run()
        rollback = Rollback.objects.get(pk=ground.rollback)
        attempt = Attempt.objects.get(rollback=rollback)
        found = attempt.verdict or rollback.verdict or "open"
        broken = _wrong_verdict(cell, attempt, found) + _wrong_promises(one, cell, attempt)
        return Result(cell, found, attempt.sends.count(), tuple(f"{cell}: {said}" for said in broken))


def _wrong_verdict(cell: Cell, attempt: Attempt, found: str) -> list[str]:
    right = expected(cell)
    said = []
    if found != right.verdict:
        said.append(f"the verdict is {found}, PROTOCOL.md says {right.verdict}")
    if ("overwritten_by" in attempt.evidence) != right.overwritten:
        said.append(f"the evidence {attempt.evidence} says otherwise than PROTOCOL.md whether it was overwritten")
    if attempt.evidence.get("assumes") != right.assumes:
        said.append(f"it assumes {attempt.evidence.get('assumes')}, PROTOCOL.md says {right.assumes}")
    return said


def _wrong_promises(one: Play, cell: Cell, attempt: Attempt) -> list[str]:
    ours = [write for write in one.platform.accepted if write.ours]
    said = [
        f"a write of ours landed on version {write.before.version}, approved was {one.base.version}"
        for write in ours
        if write.before != one.base
    ]
    if len(ours) > 1:
        said.append(f"one attempt took effect {len(ours)} times")
    sent_versions = {body for _, _, body in one.sent}
    if sent_versions != {bytes(attempt.step.body)}:
        said.append("what was sent is not the frozen body")
    actions = Counter(AuditEntry.objects.filter(attempt=attempt).values_list("action", flat=True))
    if actions["write.intent"] != 1 or actions["write.outcome"] != (attempt.state == Attempt.State.CLOSED):
        said.append(f"the attempt is {attempt.state} and its entries are {dict(actions)}")
    if actions["write.resend"] != len(one.sent) - 1:
        said.append(f"{len(one.sent)} writes left, with {actions['write.resend']} entries of a re-send")
    if not (is_beyond_promise(cell) or _rests_on_what_is_not_so(cell, attempt)):
        said += checking.faults_of(cast("History", one))
    return said


def is_beyond_promise(cell: Cell) -> bool:
    """Tell a platform that breaks its word: it confirms what it has not stored, or refuses for certain what it has.

    A 2xx is no such word where an equal change stands (RFC 9110 section 13.1.1).
    """
    situation = cell.situation
    if cell.answer == "200":
        return situation.landed == "not landed" and not (situation.before and situation.others.startswith("equal"))
    return cell.answer in _FOR_CERTAIN and situation.landed == "landed altered"


def _rests_on_what_is_not_so(cell: Cell, attempt: Attempt) -> bool:
    """Tell whether the verdict names as an assumption exactly what is not so in this cell."""
    assumed = attempt.evidence.get("assumes")
    if assumed == "equal_write_not_answered_as_ours":
        return cell.answer == "200" and cell.situation.landed == "not landed"
    return assumed == "stored_as_sent" and cell.situation.landed == "landed altered"


def grounds() -> list[tuple[Ground, Callable[[Cell], bool]]]:
    """Give the grounds on which cells are played, and which cells belong to which."""
    return [
        (Ground(ETAGS), lambda cell: cell.level == "A"),
        (Ground(SCHEMA), lambda cell: cell.level == "B" and not cell.names_authors),
        (Ground(SCHEDULE), lambda cell: cell.level == "B" and cell.names_authors),
    ]


def play_all(chosen: Sequence[Cell], *, tell: Callable[[int], None] = lambda _: None) -> list[Result]:
    """Play cells, each on its ground."""
    results: list[Result] = []
    for ground, belongs in grounds():
        mine = [cell for cell in chosen if belongs(cell)]
        if not mine:
            continue
        with held(ground, begun=True):
            for cell in mine:
                results.append(play_cell(ground, cell))
                tell(len(results))
    return results


_CELLS_AT_ONCE: Final = 120


def prove(scale: Scale, first_seed: int, tell: Tell) -> Report:
    """Play every cell; the same at each scale."""
    whole = list(cells())
    # Those of one ground stand together, so that few processes prepare more than one.
    shares = [whole[at : at + _CELLS_AT_ONCE] for at in range(0, len(whole), _CELLS_AT_ONCE)]
    results: list[Result] = []
    for came in sharing.share_out(play_all, shares):
        results += came
        tell(f"{len(results):,} of {len(whole):,} cells")
    return report(results)


def report(results: Sequence[Result]) -> Report:
    """Lay the matrix out, rows that are alike as one."""
    counted = Counter(result.verdict for result in results)
    beyond = [result for result in results if is_beyond_promise(result.cell)]
    return Report(
        tried=f"{len(results):,} cells: {len(ANSWERS)} answers × {len(SITUATIONS)} situations × authors named or not × "
        "history of versions readable or not × level A, B; each played by the real code, from T1 on. In every cell the "
        "verdict, its evidence and what it assumes were held against a transcription of PROTOCOL.md that does not ask "
        "the judge; and at most one write of ours was accepted, on the approved version only, the frozen bytes alone "
        f"left, and every entry was there. In {len(beyond)} cells the platform itself breaks its word (a 2xx with "
        "b + 1 for what it has not stored, a refusal for certain of what it has stored otherwise): there the verdict "
        "is the table's, and it cannot be held to be true.",
        broken=[said for result in results for said in result.broken],
        tables=[
            *_tables(results),
            Table("Verdicts", ("verdict", "cells"), counted.most_common()),
            Table("Cells that cannot be", ("which", "why"), list(IMPOSSIBLE.items())),
        ],
        bound="Exhaustive: every cell.",
        not_tried=(
            "level C in the matrix of answers",
            "two odd answers in one attempt in the matrix (the schedules do)",
        ),
    )


def _tables(results: Sequence[Result]) -> Iterator[Table]:
    seen: dict[tuple[str, bool, bool], dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for result in results:
        cell = result.cell
        by_answer = seen[(cell.level, cell.names_authors, cell.keeps_history)]
        by_answer[cell.answer][str(cell.situation)] = result.verdict.replace("_", " ")
    merged: dict[str, list[str]] = defaultdict(list)
    tables: dict[str, list[tuple[str, ...]]] = {}
    for (level, authors, history), by_answer in seen.items():
        rows: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for answer, by_situation in by_answer.items():
            rows[tuple(by_situation.get(str(situation), "") for situation in SITUATIONS)].append(answer)
        laid = [(", ".join(answers), *row) for row, answers in rows.items()]
        said = "authors named" if authors else "no author named"
        said += ", history readable" if history else ", no history"
        merged[repr(laid)].append(f"level {level}, {said}")
        tables[repr(laid)] = laid
    for key, names in merged.items():
        across = list(zip(*tables[key], strict=True))
        columns: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for situation, column in zip(SITUATIONS, across[1:], strict=True):
            columns[column].append(str(situation))
        head = ["answer", *(" / ".join(said) for said in columns.values())]
        yield Table("; ".join(names).capitalize(), head, list(zip(across[0], *columns, strict=True)))
