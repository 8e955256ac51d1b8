"""Searches for the first bad version of a configuration: kept with every answer, so that anybody can go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from tenants import bisecting, trail
from tenants.bisecting import Said
from tenants.chronicle import Bisection, BisectionAnswer
from tenants.models import Snapshot, TrackedConfig

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


class NotSearchable(ValueError):
    """There is nothing to search for, or nothing to answer; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A bisection and how it stands."""

    bisection: Bisection
    row: Sequence[Snapshot]
    """The versions in question, each with other content than the one before; good first, bad last."""
    standing: bisecting.Standing
    answers: Sequence[BisectionAnswer]

    @property
    def ask(self) -> Snapshot | None:
        """The version to look at next."""
        return None if self.standing.ask is None else self.row[self.standing.ask]

    @property
    def first_bad(self) -> Snapshot | None:
        """The first bad version, once it is known."""
        return None if self.standing.found is None else self.row[self.standing.found]

    @property
    def suspects(self) -> Sequence[Snapshot]:
        """At the end, every version that may be the first bad one."""
        return [self.row[place] for place in self.standing.suspects]

    @property
    def last_good(self) -> Snapshot:
        """The last version that is good, as far as answers tell."""
        return self.row[self.standing.good]

    @property
    def next_bad(self) -> Snapshot:
        """The first after it that is bad."""
        return self.row[self.standing.bad]

    def before(self, snapshot: Snapshot) -> Snapshot:
        """Give the version before one of the row."""
        return self.row[next(place for place, one in enumerate(self.row) if one.pk == snapshot.pk) - 1]

    @property
    def ended(self) -> bool:
        """Whether nothing is asked any more."""
        return self.standing.ask is None

    @property
    def in_question(self) -> int:
        """How many versions may still be the first bad one."""
        return self.standing.bad - self.standing.good


def search(bisection: Bisection) -> Search:
    """Give a bisection and how it stands after all its answers; the last word on a version counts."""
    row = _row(bisection.good, bisection.bad)
    place_of = {one.pk: place for place, run in enumerate(row) for one in run}
    answers = list(bisection.answers.select_related("snapshot"))
    said = {place_of[one.snapshot_id]: Said(one.answer) for one in answers if one.snapshot_id in place_of}
    return Search(
        bisection=bisection,
        row=[run[0] for run in row],
        standing=bisecting.stand(len(row), said),
        answers=answers,
    )


def _row(good: Snapshot, bad: Snapshot) -> list[list[Snapshot]]:
    """Give the versions from good to bad, those that follow each other with the same content together."""
    kept = Snapshot.objects.filter(config=good.config_id, version__range=(good.version, bad.version))
    ordered = list(kept.select_related("document").order_by("version", "captured_at", "pk"))
    keys = [one.pk for one in ordered]
    runs: list[list[Snapshot]] = []
    for one in ordered[keys.index(good.pk) : keys.index(bad.pk) + 1]:
        if runs and runs[-1][0].digest == one.digest:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def start(config: TrackedConfig, good: Snapshot, bad: Snapshot, *, acting_user: "AbstractBaseUser | None") -> Bisection:
    """Begin a search, with its entry in the trail; raises NotSearchable where the first bad cannot lie between."""
    if (good.version, good.captured_at, good.pk) >= (bad.version, bad.captured_at, bad.pk):
        raise NotSearchable(
            f"v{bad.version} is not after v{good.version}. Nothing was started: give a good version, and a later one "
            f"that is bad."
        )
    if good.digest == bad.digest:
        raise NotSearchable(
            f"v{good.version} and v{bad.version} hold the same content, so one cannot be good and the other bad. "
            f"Nothing was started."
        )
    actor = trail.actor_name(acting_user)
    with transaction.atomic():
        bisection: Bisection = Bisection.objects.create(
            config=config,
            good=good,
            bad=bad,
            started_at=timezone.now(),
            started_by_id=None if acting_user is None else acting_user.pk,
            starter=actor,
        )
        trail.report(
            "bisection.started",
            tenant=config.tenant,
            actor=actor,
            config=config,
            detail={"bisection": str(bisection.pk), "good": str(good.version), "bad": str(bad.version)},
        )
    return bisection


def answer(
    bisection: Bisection,
    snapshot: Snapshot,
    said: Said,
    *,
    note: str = "",
    acting_user: "AbstractBaseUser | None",
) -> Search:
    """Keep what somebody says of a version, with its entry in the trail, and give how the search stands then.

    Raises NotSearchable for a version that is not in question: an end of the search, or one outside it.
    """
    actor = trail.actor_name(acting_user)
    with transaction.atomic():
        Bisection.objects.select_for_update(no_key=True).get(pk=bisection.pk)
        known = {one.pk for one in search(bisection).row[1:-1]}
        if snapshot.pk not in known:
            raise NotSearchable(
                f"v{snapshot.version} is not in question between v{bisection.good.version} and "
                f"v{bisection.bad.version}. Nothing was kept."
            )
        BisectionAnswer.objects.create(
            bisection=bisection,
            snapshot=snapshot,
            answer=said,
            note=note.strip()[:300],
            answered_at=timezone.now(),
            answered_by_id=None if acting_user is None else acting_user.pk,
            answerer=actor,
        )
        now = search(bisection)
        trail.report(
            "bisection.answered",
            tenant=bisection.config.tenant,
            actor=actor,
            config=bisection.config,
            detail={
                "bisection": str(bisection.pk),
                "version": str(snapshot.version),
                "answer": str(said),
                "first_bad": None if now.first_bad is None else str(now.first_bad.version),
            },
        )
    return now
