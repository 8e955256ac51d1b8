"""Prove a trail: every link, every column, the head, and the tree that checkpoints outside the database have signed.

The chain alone shows what was changed by somebody who did not compute it anew. Who owns the database can do that, for
all entries from one to the last; then the tree differs from the one that the sinks have. So the answer has two parts:
what is wrong, and up to which entry a checkpoint from outside would have shown it.

What is hashed is what is stored, read once as a stream. While this process hashes, the database
compares the columns of each entry, by which pages filter, with its payload: RFC 8785 gives the members a fixed order,
so the columns are spelled exactly as the payload begins and ends.
"""

import hashlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final, cast

import psycopg
from django.db import connection, transaction

from rollbacks import audit, chain, checkpointing, checkpoints, merkle, sinks
from rollbacks.models import AuditEntry, AuditHead, SinkState
from tenants.models import Tenant
from tenants.remote.bucket import BucketDown

MOST_FINDINGS: Final = 20
"""A trail that is wrong in more places is told with so many."""
_ROWS: Final = 200
_BEGINNING: Final = b'{"checkpoint":{'
_ENTRIES: Final = """
SELECT e.seq, e.payload, e.previous_hash, e.hash,
    substring(e.payload FROM 1 FOR length(told.beginning)) = told.beginning
    AND substring(e.payload FROM length(e.payload) - length(told.ending) + 1) = told.ending
FROM rollbacks_auditentry AS e
LEFT JOIN tenants_trackedconfig AS c ON c.id = e.config_id
CROSS JOIN LATERAL (
    SELECT
        convert_to('{"action":' || to_json(e.action)::text || ',"actor":' || to_json(e.actor)::text || ',"at":"'
            || to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","attempt":'
            || coalesce('"' || e.attempt_id || '"', 'null') || ',"details":{', 'UTF8') AS beginning,
        convert_to(',"id":"' || e.id || '","object":'
            || coalesce(to_json(c.resource_type || ':' || c.object_id)::text, 'null')
            || ',"outcome":' || to_json(e.outcome)::text
            || ',"rollback":' || coalesce('"' || e.rollback_id || '"', 'null')
            || ',"seq":' || e.seq || ',"tenant":{"id":"' || e.tenant_id || '","slug":"' || %(slug)s || '"}}',
            'UTF8') AS ending
    OFFSET 0
) AS told
WHERE e.tenant_id = %(tenant)s AND e.seq <= %(last)s
ORDER BY e.seq
"""

Progress = Callable[[int, int], None]
"""Is told how many entries were looked at, and how many there are."""


@dataclass(slots=True)
class Outside:
    """The checkpoints that were found outside the database, whose they are, and what cannot be believed of them."""

    of_tenant: dict[str, list[checkpoints.Checkpoint]] = field(default_factory=dict)
    """By tenant id, the smallest tree first."""
    problems: dict[str, list[str]] = field(default_factory=dict)
    """By tenant id; under "" what belongs to none."""
    newest: dict[tuple[str, str], int] = field(default_factory=dict)
    """By the name of a sink of the settings and the tenant id: the number of the last checkpoint that it has."""
    unread: set[tuple[str, str]] = field(default_factory=set)
    """What could not be read, by the same."""

    def take(self, place: str, line: bytes, keys: Mapping[str, bytes], *, sink: str) -> None:
        """Add a line that a sink of the settings holds, or somebody; raise UnreadableCheckpoint for what is none."""
        told = checkpoints.read(line)
        if checkpoints.is_signed(told, keys):
            of, number = told.statement.tenant_id, told.statement.number
            self.of_tenant.setdefault(of, []).append(told)
            if sink:
                self.newest[sink, of] = max(number, self.newest.get((sink, of), 0))
        else:
            self.problem(
                told.statement.tenant_id, f"{place} bears no signature of a key that is believed ({told.key_id})."
            )

    def problem(self, tenant_id: str, sentence: str) -> None:
        """Note a sentence, up to a bound."""
        found = self.problems.setdefault(tenant_id, [])
        if len(found) < MOST_FINDINGS:
            found.append(sentence)


@dataclass(slots=True)
class Verification:
    """What a walk along one tenant's trail found."""

    tenant: Tenant
    entries: int
    findings: list[chain.Break] = field(default_factory=list)
    covered: int = 0
    """Up to this entry, the trail is the one that a checkpoint outside the database has signed."""
    checkpoints: int = 0
    """How many of them agree."""
    at: str = ""
    """When the newest of them was made."""

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def broken(self) -> chain.Break | None:
        """The first place that is wrong."""
        return min(self.findings, key=lambda found: found.seq, default=None)

    @property
    def coverage(self) -> str:
        """Say in a sentence how far the trail rests on more than the database."""
        if not self.entries:
            return "There is nothing to cover yet."
        if not self.covered:
            return "No checkpoint from outside the database covers any of it."
        rest = f"the last {self.uncovered} rest on the database alone" if self.uncovered else "that is all of it"
        return f"A checkpoint from outside the database, of {self.at}, covers entries 1 to {self.covered}; {rest}."

    @property
    def uncovered(self) -> int:
        """How many entries at the end rest on the database alone."""
        return max(0, self.entries - self.covered)


def read_outside(paths: Sequence[Path] = (), *, tenants: Iterable[Tenant] = ()) -> Outside:
    """Read what the sinks hold: the folder of the settings, and files or folders that somebody brings along.

    Of these tenants also the newest that the bucket of the settings has. A line that no known key has signed is a
    problem, so is a sink that cannot be read; half a line that was written again behind it is none.
    """
    outside = Outside()
    held = [sink for sink in sinks.configured() if isinstance(sink, sinks.Folder) and sink.path.exists()]
    for path, name in [*((sink.path, sink.name) for sink in held), *((path, "") for path in paths)]:
        try:
            _take_lines(sinks.lines_in(path), outside, sink=name)
        except OSError as error:
            outside.problem("", f"{path} cannot be read: {error.strerror}.")
    for store in (sink for sink in sinks.configured() if isinstance(sink, sinks.Store)):
        for tenant in tenants:
            try:
                _take_lines(store.newest(tenant), outside, sink=store.name)
            except BucketDown as down:
                outside.unread.add((store.name, str(tenant.pk)))
                outside.problem(str(tenant.pk), f"The {store.name} cannot be read: {down}")
    for tenant_id, found in outside.of_tenant.items():
        once = {one.line: one for one in found}.values()
        outside.of_tenant[tenant_id] = sorted(once, key=lambda one: (one.statement.size, one.statement.number))
    return outside


def _take_lines(lines: Iterable[tuple[str, bytes]], outside: Outside, *, sink: str) -> None:
    keys = checkpointing.public_keys()
    for place, line in lines:
        try:
            outside.take(place, line, keys, sink=sink)
        except checkpoints.UnreadableCheckpoint as error:
            if not _is_cut_off(line):
                outside.problem("", f"{place} cannot be believed: {error}.")


def _is_cut_off(line: bytes) -> bool:
    """Tell whether a line is the beginning of one: the disk was full, or the console died; it is written again."""
    return not line.endswith(b'"}') and (line.startswith(_BEGINNING) or _BEGINNING.startswith(line))


def verify(tenant: Tenant, *, outside: Outside | None = None, progress: Progress | None = None) -> Verification:
    """Walk the tenant's trail from its first entry to its head, and hold it against the checkpoints from outside.

    Entries that are appended meanwhile are not looked at. An entry beyond the head is found: the newest entry is asked
    for before the head, and an entry and its head become visible together. Nothing of the database is believed about
    checkpoints; without `outside` they are read from the folder and the bucket of the settings.
    """
    outside = read_outside(tenants=[tenant]) if outside is None else outside
    newest = AuditEntry.objects.filter(tenant=tenant).order_by("-seq").values_list("seq", flat=True).first() or 0
    head = AuditHead.objects.filter(tenant=tenant).first()
    seq, own = (head.seq, bytes(head.hash)) if head else (0, chain.GENESIS)
    found = Verification(tenant, seq)
    walk = _Walk(found, outside.of_tenant.get(str(tenant.pk), []))
    last = max(newest, seq)
    with closing(_batches(tenant, last)) as batches:
        for rows, ahead in pairwise(batches):
            walk.follow(rows, behind=ahead[0][2] if ahead else None)
            if progress is not None:
                progress(walk.seq, last)
            if len(found.findings) >= MOST_FINDINGS:
                break
    # Only now is the connection free to be asked which columns they were.
    found.findings = [_named(tenant, one) if one.kind == "columns" else one for one in found.findings]
    if len(found.findings) >= MOST_FINDINGS:
        return found
    walk.end(head_seq=seq, head_hash=own)
    for sentence in outside.problems.get(str(tenant.pk), []):
        found.findings.append(chain.Break(0, sentence, "checkpoint"))
    _lost_by_a_sink(found, outside)
    return found


def strangers(outside: Outside) -> list[str]:
    """Say of what the sinks hold and no tenant of this database accounts for, in sentences."""
    known = {str(pk) for pk in Tenant.objects.values_list("pk", flat=True)}
    said = list(outside.problems.get("", []))
    for tenant_id in sorted(set(outside.of_tenant) - known):
        last = outside.of_tenant[tenant_id][-1].statement
        said.append(
            f"{last.tenant}: a checkpoint of {last.at} covers {last.size} entries of this tenant, which the database "
            "does not know at all."
        )
    return said


class _Walk:
    """What was seen up to here of one trail."""

    def __init__(self, found: Verification, outside: Sequence[checkpoints.Checkpoint]) -> None:
        self.seq, self.hash = 0, chain.GENESIS
        self._found = found
        self._peaks = merkle.Peaks()
        self._waiting = list(reversed(outside))
        self._numbered: dict[int, checkpoints.Checkpoint] = {}
        self._held_at = 0
        self._rewritten = False

    def follow(self, rows: Sequence[tuple[Any, ...]], *, behind: bytes | None) -> None:
        """Walk on along some entries; `behind` is what the one behind them names as its previous hash, if any."""
        sha256 = hashlib.sha256
        seq, previous = self.seq, self.hash
        begin = 0
        for index, (number, payload, before, own, spelled) in enumerate(rows):
            seq += 1
            if (
                number != seq
                or before != previous
                or own != sha256(b"\x00" + previous + sha256(payload).digest()).digest()
                or not spelled
            ):
                named = rows[index + 1][2] if index + 1 < len(rows) else behind
                self._tell(chain.Linked(number, payload, before, own), seq - 1, previous, named)
                seq = number
            previous = own
            if self._waiting and self._waiting[-1].statement.size <= seq:
                self._peaks.extend([row[3] for row in rows[begin : index + 1]])
                begin = index + 1
                self._hold_against(seq)
        self._peaks.extend([row[3] for row in rows[begin:]])
        self.seq, self.hash = seq, previous

    def end(self, *, head_seq: int, head_hash: bytes) -> None:
        """Compare the end with the head and with the checkpoints that cover more."""
        add = self._found.findings.append
        if self.seq < head_seq:
            sentence = (
                f"The chain ends at entry {self.seq}, but its head says {head_seq}: entries are missing at the end."
            )
            add(chain.Break(self.seq + 1, sentence, "head"))
        elif self.seq > head_seq:
            add(chain.Break(head_seq + 1, f"There are entries beyond the head, which says {head_seq}.", "head"))
        elif self.hash != head_hash:
            add(chain.Break(head_seq, f"The head names another hash than that of entry {head_seq}.", "head"))
        if self._waiting:
            last = self._waiting[0].statement
            sentence = (
                f"Checkpoint {last.number} of {last.at} covers {last.size} entries, but the trail ends at {self.seq}: "
                "entries are missing at the end."
            )
            add(chain.Break(self.seq + 1, sentence, "root"))

    def _tell(self, entry: chain.Linked, seq: int, previous: bytes, behind: bytes | None) -> None:
        broken = chain.why_not_next(entry, seq=seq, previous=previous, next_previous=behind)
        if broken is None:
            broken = chain.Break(entry.seq, f"Entry {entry.seq} was altered: its columns are others.", "columns")
        if len(self._found.findings) < MOST_FINDINGS:
            self._found.findings.append(broken)

    def _hold_against(self, seq: int) -> None:
        while self._waiting and self._waiting[-1].statement.size <= seq:
            told = self._waiting.pop()
            said = told.statement
            twin = self._numbered.setdefault(said.number, told)
            if said.size == self._peaks.size == seq and said.root == self._peaks.root():
                self._held_at, self._found.covered = seq, seq
                self._found.checkpoints += 1
                self._found.at = said.at
            elif not self._rewritten:
                # All later roots differ too; one finding says where it began.
                self._rewritten = True
                what = (
                    f"entry {said.size}"
                    if said.size == self._held_at + 1
                    else (f"one or more of entries {self._held_at + 1} to {said.size}")
                )
                sentence = (
                    f"Checkpoint {said.number} of {said.at} has another root over {said.size} entries: {what} "
                    "is not what it was when the checkpoint was signed."
                )
                self._found.findings.append(chain.Break(self._held_at + 1, sentence, "root"))
            if twin.line != told.line and len(self._found.findings) < MOST_FINDINGS:
                sentence = f"There are two checkpoints number {said.number}: the trail was set back and went on anew."
                self._found.findings.append(chain.Break(said.size, sentence, "root"))


def _batches(tenant: Tenant, last: int) -> Generator[list[tuple[Any, ...]]]:
    """Give the entries in their order, and no entries behind the last of them."""
    told = {"tenant": tenant.pk, "slug": tenant.slug, "last": last}
    with transaction.atomic():
        with connection.cursor() as cursor:
            # The index has them in order; sorting a million payloads would want a disk.
            cursor.execute("SET LOCAL enable_sort = off")
        # The driver's own cursor: Django's cannot ask for binary rows, which spare the hexadecimal form of each hash.
        # Few rows at a time: what the socket holds is ready when this process comes back for more.
        size = _ROWS if psycopg.capabilities.has_stream_chunked() else 1
        with psycopg.Cursor(connection.connection) as reader:
            stream = cast("Generator[tuple[Any, ...]]", reader.stream(_ENTRIES, told, binary=True, size=size))
            with closing(stream):
                while rows := list(islice(stream, _ROWS)):
                    yield rows
    yield []


def _named(tenant: Tenant, altered: chain.Break) -> chain.Break:
    """Name the columns, by which pages filter, that no longer say what the hashed payload says."""
    entry = AuditEntry.objects.select_related("config").get(tenant=tenant, seq=altered.seq)
    columns = {
        "id": str(entry.pk),
        "seq": entry.seq,
        "at": audit.timestamp(entry.at),
        "action": entry.action,
        "outcome": entry.outcome,
        "actor": entry.actor,
        "object": None if entry.config is None else entry.config.address,
        "rollback": None if entry.rollback_id is None else str(entry.rollback_id),
        "attempt": None if entry.attempt_id is None else str(entry.attempt_id),
        "tenant": {"id": str(tenant.pk), "slug": tenant.slug},
    }
    hashed = audit.payload_of(entry)
    changed = sorted(name for name, value in columns.items() if hashed.get(name) != value) or ["its columns"]
    return replace(altered, message=f"Entry {altered.seq} was altered: {', '.join(changed)} differ from its payload.")


def _lost_by_a_sink(found: Verification, outside: Outside) -> None:
    """Say where a sink of the settings has less than it once acknowledged; the database is only a hint here."""
    for sink in sinks.configured():
        if not isinstance(sink, sinks.Folder | sinks.Store):
            continue
        told = SinkState.objects.filter(sink=sink.name, tenant=found.tenant).first()
        place = (sink.name, str(found.tenant.pk))
        newest = outside.newest.get(place, 0)
        if told is not None and told.delivered > newest and place not in outside.unread:
            where = sink.path if isinstance(sink, sinks.Folder) else sink.bucket.url
            sentence = (
                f"{where} once took checkpoint {told.delivered} of {found.tenant.slug}, but its last one now is "
                f"{newest or 'none'}: lines were removed there."
            )
            found.findings.append(chain.Break(found.covered + 1, sentence, "checkpoint"))
