"""One look at what a step acts on: the live object, its draft, or another object that uses it; nothing is decided here.

What is live is kept as a version of the object, where it is tracked. A draft is no version of anything, so what a look
at one showed is kept in the attempt's evidence only.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from rollbacks import surroundings, surveys
from rollbacks.models import Rollback, Step
from rollbacks.plans import StepKind
from rollbacks.procedures import NO_DRAFT, Draft
from rollbacks.verdicts import Seen, Vanished
from tenants import archive, capture, connections, importing
from tenants import live as live_object
from tenants.models import Snapshot, TrackedConfig
from tenants.remote import Answer, ObjectMissing, Platform, RemoteError, RemoteUnknown
from tenants.resource_types import ResourceType, catalogue, projection
from tenants.resource_types.definition import LiveAt

ORDERS = frozenset({StepKind.CREATE_DRAFT, StepKind.PUBLISH, StepKind.NATIVE_ROLLBACK, StepKind.NATIVE_RESTORE})
"""What tells the platform to do something: the answer need not show the object as a read of it does."""


@dataclass(slots=True)
class Look:
    """What one look showed."""

    live: Seen | Vanished | None
    answer: Answer | None = None
    successor: Seen | None = None
    successor_snapshot: Snapshot | None = None
    problem: str = ""
    left_at: datetime | None = None
    """When the read of the live object left: what it shows may have been so as long ago as that."""


@dataclass(frozen=True, slots=True)
class Looking:
    """What a step acts on, and the client through which it is read."""

    step: Step
    config: TrackedConfig
    """The object that the step writes; not stored where it is not tracked."""
    rtype: ResourceType
    platform: Platform

    @classmethod
    def at(cls, rollback: Rollback, step: Step, platform: Platform) -> "Looking":
        """Look at what this step of the rollback acts on."""
        rtype = catalogue.get(step.resource_type)
        own = (step.resource_type, step.object_id) == (rollback.config.resource_type, rollback.config.object_id)
        config = rollback.config if own else surroundings.another(rollback.config, rtype, step.object_id)
        return cls(step, config, rtype, platform)

    def look(self) -> Look:
        """Read it, and the expected version from the platform's history where live has moved beyond that."""
        try:
            # Who recovers an attempt may have other credentials than who began it.
            connections.check_identity(self.config.tenant, self.platform)
            if self.step.observed_path:
                return self._look_at_draft()
            began = timezone.now()
            answer = live_object.read(self.config, self.platform)
            of_one_read = self.rtype.live is LiveAt.OBJECT
            look = Look(self.seen(answer), answer, left_at=_left_at(answer) if of_one_read else began)
        except ObjectMissing as error:
            return Look(Vanished(), problem=error.sentence)
        except RemoteError as error:
            return Look(None, problem=error.sentence)
        except archive.UnusableContent as error:
            return Look(None, problem=str(error))
        return self._with_successor(look)

    def seen(self, answer: Answer) -> Seen:
        """Give what an answer shows of it; raises UnusableContent for anything else."""
        if self.step.observed_path:
            draft = surroundings.draft_in(self.rtype, answer)
            return Seen(draft.version if self.step.base_version is not None else None, None, draft.digest, draft.author)
        value = archive.check(self.config, self.rtype, answer.body)
        base = surveys.base_of(self.rtype, answer, value)
        return Seen(base.version, base.etag, base.digest, projection.author_of_change(value))

    def answered(self, answer: Answer) -> tuple[int | None, str]:
        """Give the version and the digest that the answer to a write shows; raises UnusableContent.

        An order is answered by whatever the platform makes of it: only a version that stands where the type has it is
        taken from that, and no digest.
        """
        if StepKind(self.step.kind) not in ORDERS:
            seen = self.seen(answer)
            return seen.version, seen.digest
        value = archive.value_from(answer.body)
        return (projection.version_of(self.rtype, value) if self.step.expected_version is not None else None), ""

    def draft(self) -> Draft | None:
        """Give the draft that is about to be published; None where there is none. Raises as a read does."""
        return surroundings.read_draft(self.rtype, self.step.object_id, self.platform)

    def keep(self, look: Look) -> Snapshot | None:
        """Keep what was read as a version of the object, and give what was judged; None where nothing is kept."""
        if look.answer is None or self.step.observed_path or self.config.live_id is None:
            return None
        try:
            kept = capture.remember(
                self.config,
                self.rtype,
                look.answer,
                source=Snapshot.Source.READ_BACK,
                now=timezone.now(),
                confirmed=True,
            )
        except archive.UnusableContent:
            return None
        if look.successor_snapshot is not None:
            return look.successor_snapshot
        return kept.snapshot if kept is not None else None

    def _look_at_draft(self) -> Look:
        try:
            answer = self.platform.read(self.step.observed_path, params=live_object.query_of(self.rtype))
        except ObjectMissing as error:
            if self.step.kind == Step.Kind.CREATE_DRAFT:
                return Look(Seen(None, None, NO_DRAFT), problem=error.sentence)
            raise
        return Look(self.seen(answer), answer, left_at=_left_at(answer))

    def requests(self) -> int:
        """Give how many requests one comparison and the write after it take."""
        by_versions = self.rtype.live is not LiveAt.OBJECT and not self.step.observed_path
        return 2 + by_versions + (self.step.kind == Step.Kind.PUBLISH)

    def _with_successor(self, look: Look) -> Look:
        expected = self.step.expected_version
        live = look.live
        if not isinstance(live, Seen) or expected is None or live.version is None or live.version <= expected:
            return look
        if self.rtype.history_version_path is None:
            return look
        try:
            look.successor_snapshot = importing.read_version(self.config, expected, self.platform)
            look.successor = _seen_in_history(look.successor_snapshot)
        except RemoteUnknown as error:
            # Only for now: a verdict is for good, so it waits for what the history may still tell.
            return Look(None, problem=error.sentence)
        except (RemoteError, archive.UnusableContent) as error:
            look.problem = str(error)
        return look


def _left_at(answer: Answer) -> datetime:
    return answer.received_at - timedelta(milliseconds=answer.elapsed_ms)


def _seen_in_history(snapshot: Snapshot) -> Seen:
    author = projection.author_of_change(archive.value_of(snapshot))
    etag = None if snapshot.etag is None else bytes(snapshot.etag)
    return Seen(snapshot.version, etag, snapshot.digest, author)
