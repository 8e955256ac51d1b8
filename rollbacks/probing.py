"""Probe the guard of a type in a tenant: the live content under a stale guard must be refused (PROTOCOL.md).

It is a write like any other: under the lock of every address of the object, with an intent in the trail before a byte
leaves and an outcome after, sent exactly once and read back. A probe that its worker did not end stays open, keeps
rollbacks off its object, and is ended by the sweep, which only reads.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from rollbacks import audit, driving, facts, freezing, guards, last_checks, one_object, plans, probes, proofs, surveys
from rollbacks.models import GuardProbe
from rollbacks.probes import Answered, Part, Result, Shown, Stale, State
from rollbacks.refusals import Told
from tenants import archive, connections, durability, object_paths, trail
from tenants.documents import InvalidDocument
from tenants.models import Snapshot, TrackedConfig
from tenants.remote import Answer, ObjectMissing, Platform, RemoteError, error_body
from tenants.resource_types import Refusal, ResourceType, catalogue, projection, understand

log = structlog.get_logger(__name__)

_LEASE: Final = timedelta(minutes=5)
_LEAVE: Final = timedelta(seconds=30)
"""After its intent a request leaves within this time or never: who is paused for longer sends nothing when it wakes.

Where no guard is enforced, as may just be the case, it would write over whatever came in between.
"""
_LOOK_AGAIN: Final = timedelta(seconds=30)


class NotProbed(Exception):
    """A probe was refused before anything was sent; the message says why, in whole sentences."""

    def __init__(self, checks: Sequence[guards.Check]) -> None:
        self.checks = [check for check in checks if check.refuses]
        super().__init__(" ".join(check.message for check in self.checks))


class _TakenOver(Exception):
    """The worker was paused past its lease, and the sweep has ended the probe; nothing more is sent."""


def standing_checks(config: TrackedConfig) -> list[guards.Check]:
    """Check what the database alone knows: the type, the freeze, and whether the object is busy."""
    rtype = catalogue.get(config.resource_type)
    tenant = config.tenant
    return [
        guards.check_probe(probes.why_never(rtype)),
        guards.check_tenant(frozen=tenant.frozen, reason=tenant.frozen_reason, name=tenant.name),
        freezing.check_planned(config, [], later=False),
        guards.check_in_flight(one_object.open_attempt_sentence(config)),
    ]


def probe(
    config: TrackedConfig,
    *,
    acting_user: User | None,
    platform: Platform | None = None,
    pace: driving.Pace = driving.PACE,
    sleep: driving.Sleep = time.sleep,
) -> GuardProbe:
    """Send the live content under each stale precondition that the type's level rests on, and say what that shows.

    Gives the probe, ended or, where an answer was lost and its bytes may still land, open. Raises NotProbed when a
    guard refuses, with nothing sent. Who may ask is `actions.probe_guard`'s to say.
    """
    _require(standing_checks(config))
    platform = platform or connections.connect(config.tenant)
    rtype = catalogue.get(config.resource_type)
    try:
        live = surveys.read_live(config, platform)
    except (RemoteError, surveys.LiveUnreadable, object_paths.InvalidObjectId) as error:
        sentence = error.sentence if isinstance(error, RemoteError) else str(error)
        raise NotProbed([guards.check_probe(sentence)]) from error
    now_checks = [guards.check_probe(probes.why_not_now(rtype, live.value, live.base))]
    _require([*surveys.check_access(config, [rtype], platform, live=live), *now_checks])
    opened = _begin(config, rtype, live, acting_user=acting_user)
    prober = _Prober(opened, rtype, platform, pace, sleep)
    return prober.run(live)


def _require(checks: Sequence[guards.Check]) -> None:
    if any(check.refuses for check in checks):
        raise NotProbed(checks)


def _begin(config: TrackedConfig, rtype: ResourceType, live: surveys.Live, *, acting_user: User | None) -> GuardProbe:
    """Open the probe, under the lock of every address of the object; from here on no rollback begins on it."""
    with transaction.atomic():
        same = one_object.lock_every_address(config)
        locked = next(one for one in same if one.pk == config.pk)
        _require(
            [
                guards.check_durability(durability.why_not()),
                last_checks.not_frozen(config.tenant),
                freezing.check_planned(config, [], later=False),
                guards.check_in_flight(one_object.open_attempt_sentence(locked)),
            ]
        )
        now = timezone.now()
        return GuardProbe.objects.create(
            tenant=config.tenant,
            resource_type=rtype.name,
            guard=rtype.guard.value,
            config=locked,
            base=live.snapshot,
            begun_at=now,
            prober=trail.actor_name(acting_user),
            probed_by=acting_user,
            driver=driving.driver_name(),
            driven_until=now + _LEASE,
            level_before=proofs.proof_of(config.tenant, rtype).level(live.base.etag),
        )


@dataclass(slots=True)
class _Prober:
    """One process that carries a probe out."""

    probe: GuardProbe
    rtype: ResourceType
    platform: Platform
    pace: driving.Pace
    sleep: driving.Sleep

    @property
    def config(self) -> TrackedConfig:
        return self.probe.config

    def run(self, live: surveys.Live) -> GuardProbe:
        """Send each stale request once, read back after each, and end the probe or leave it to the sweep."""
        found: list[tuple[Part, Shown]] = []
        parts = probes.parts_of(self.rtype, live.base.etag)
        for part in parts:
            before = _state(live)
            leave_by = self.platform.deadline(_LEAVE.total_seconds())
            try:
                request = self._announce(part, live)
            except _TakenOver:
                self.probe.refresh_from_db()
                return self.probe
            except (NotProbed, InvalidDocument) as error:
                found.append((part, _not_sent(str(error))))
                break
            sent_at = time.monotonic()
            answered, told = self._send(request, leave_by=leave_by)
            shown, seen = self._settle(answered, before, sent_at, lost=told.get("lost", False))
            if told.get("lost") and not shown.wrote and time.monotonic() < sent_at + self._horizon:
                self._leave_open(told)
                return self.probe
            self._note(told, shown)
            found.append((part, shown))
            live = seen or live
            if not shown.settled:
                break
        return _end(self.probe, self.rtype, found, parts=len(parts), live=live)

    @property
    def _horizon(self) -> float:
        return driving.horizon_of(self.rtype, self.pace)

    def _announce(self, part: Part, live: surveys.Live) -> Stale:
        """Make durable that these bytes may leave now.

        Raises NotProbed while the tenant is frozen, and _TakenOver when the sweep has ended the probe meanwhile.
        """
        older = self.config.snapshots.filter(etag__isnull=False).exclude(etag=live.base.etag).first()
        request = probes.stale_request(
            self.rtype,
            part,
            live=live.answer.body,
            base=live.base,
            older_etag=facts.bytes_or_none(older.etag) if older is not None else None,
        )
        with transaction.atomic():
            _require([last_checks.not_frozen(self.probe.tenant)])
            _require([freezing.check_planned(self.config, [], later=False)])
            said = {
                "part": part.value,
                "client_id": self.platform.client_id,
                "method": self.rtype.update_method,
                "path": surveys.object_path(self.config),
                "if_match": facts.etag_text(request.if_match),
                "sent_version": request.sent_version,
                "body_sha256": hashlib.sha256(request.body).hexdigest(),
                "live": {"version": live.base.version, "etag": facts.etag_text(live.base.etag)},
                "begun_at": audit.timestamp(timezone.now()),
            }
            self.probe.requests = [*self.probe.requests, said]
            ours = GuardProbe.objects.filter(pk=self.probe.pk, ended_at__isnull=True, driver=self.probe.driver)
            if ours.update(requests=self.probe.requests, driven_until=timezone.now() + _LEASE) == 0:
                raise _TakenOver
            audit.append(
                "probe.intent",
                tenant=self.probe.tenant,
                actor=self.probe.prober,
                config=self.config,
                details={"probe": str(self.probe.pk), "guard_level": self.probe.level_before, **said},
            )
        return request

    def _send(self, request: Stale, *, leave_by: float) -> tuple[Answered, dict[str, Any]]:
        path = surveys.object_path(self.config)
        try:
            answer = self.platform.write(
                self.rtype.update_method, path, request.body, if_match=request.if_match, leave_by=leave_by
            )
        except RemoteError as error:
            told: dict[str, Any] = {
                "status": error.status,
                "message": error.sentence,
                "correlation_id": error.correlation_id,
                "lost": error.sent,
            }
            return Answered(success=False), told
        if answer.ok:
            version = self._answered_version(answer)
            return Answered(success=True, version=version), {**_facts(answer), "answered_version": version}
        said = error_body(answer)
        no = understand(self.rtype, status=answer.status, code=said.code, message=said.message, params=said.params)
        told_kind = Told(no.kind, no.name, no.refusal is Refusal.FOR_GOOD)
        if no.refusal is Refusal.UNAUTHORIZED:
            self.platform.forget_token()
        told = {**_facts(answer), "code": said.code, "message": said.message, "refusal": told_kind.to_json()}
        return Answered(success=False, refusal=no.refusal, told=told_kind), told

    def _answered_version(self, answer: Answer) -> int | None:
        try:
            value = archive.check(self.config, self.rtype, answer.body)
        except (archive.UnusableContent, InvalidDocument):
            return None
        return surveys.base_of(self.rtype, answer, value).version

    def _settle(
        self, answered: Answered, before: State, sent_at: float, *, lost: bool
    ) -> tuple[Shown, surveys.Live | None]:
        """Read live back until it tells what the request did; after a clear refusal one read is enough."""
        until = sent_at + min(self._horizon, self.pace.patience)
        wait = self.pace.first_wait
        while True:
            seen = _read_back(self.config, self.platform)
            after = None if seen is None else _state(seen)
            shown = probes.judge(answered, before=before, after=after, client_id=self.platform.client_id)
            refused = after is not None and not answered.success and not lost
            moved = after is not None and after.moved_from(before)
            if refused or moved or time.monotonic() + wait > until:
                return shown, seen
            self.sleep(wait)
            wait = min(wait * 1.6, self.pace.longest_wait)

    def _note(self, told: Mapping[str, Any], shown: Shown) -> None:
        last = {
            **self.probe.requests[-1],
            **told,
            "ended_at": audit.timestamp(timezone.now()),
            "result": shown.result.value,
            "wrote": shown.wrote,
            "because": shown.because,
        }
        self.probe.requests = [*self.probe.requests[:-1], last]

    def _leave_open(self, told: Mapping[str, Any]) -> None:
        self.probe.requests = [*self.probe.requests[:-1], {**self.probe.requests[-1], **told}]
        self.probe.driver, self.probe.driven_until = "", timezone.now() + _LOOK_AGAIN
        self.probe.explanation = (
            "The answer was lost, and the request may still land. The console reads live until it no longer can; no "
            "rollback of this object begins before."
        )
        self.probe.save(update_fields=["requests", "driver", "driven_until", "explanation"])


def recover(*, pace: driving.Pace = driving.PACE) -> list[GuardProbe]:
    """End every open probe that nobody carries out any more, by reading alone; nothing is ever sent again."""
    ended = []
    now = timezone.now()
    for opened in GuardProbe.objects.filter(ended_at__isnull=True).select_related("tenant", "config__tenant", "base"):
        if opened.driven_until is not None and opened.driven_until > now and not driving.is_dead(opened.driver):
            continue
        try:
            if _recover(opened, pace):
                ended.append(opened)
        except Exception:
            # One probe that cannot be ended (a secret that no key opens) must not keep the others from their end.
            log.exception("probe.not_ended", probe=str(opened.pk))
    return ended


def _recover(opened: GuardProbe, pace: driving.Pace) -> bool:
    rtype = catalogue.get(opened.resource_type)
    found = [(Part(said["part"]), _shown_of(said)) for said in opened.requests if "result" in said]
    lost = [said for said in opened.requests if "result" not in said]
    live: surveys.Live | None = None
    for said in lost:
        try:
            live = surveys.read_live(
                opened.config, connections.connect(opened.tenant), source=Snapshot.Source.READ_BACK
            )
            after = _state(live)
        except (ObjectMissing, surveys.LiveUnreadable):
            after = None
        except RemoteError:
            GuardProbe.objects.filter(pk=opened.pk).update(driver="", driven_until=timezone.now() + _LOOK_AGAIN)
            return False
        before = State(
            version=said["live"]["version"],
            etag=None if said["live"]["etag"] is None else said["live"]["etag"].encode("latin-1"),
            digest=opened.base.digest,
        )
        sent_by = said.get("client_id", opened.tenant.client_id)
        shown = probes.judge(Answered(success=False), before=before, after=after, client_id=sent_by)
        horizon = timedelta(seconds=driving.horizon_of(rtype, pace))
        if "lost" not in said:
            # Nobody told that it had left, so it may have done so as late as it was allowed to.
            horizon += _LEAVE
        if not shown.wrote and timezone.now() < datetime.fromisoformat(said["begun_at"]) + horizon:
            GuardProbe.objects.filter(pk=opened.pk).update(driver="", driven_until=timezone.now() + _LOOK_AGAIN)
            return False
        found.append((Part(said["part"]), shown))
        said.update(result=shown.result.value, wrote=shown.wrote, because=shown.because)
    parts = len(probes.parts_of(rtype, facts.bytes_or_none(opened.base.etag)))
    _end(opened, rtype, found, parts=parts, live=live)
    return True


def _end(
    opened: GuardProbe,
    rtype: ResourceType,
    found: Sequence[tuple[Part, Shown]],
    *,
    parts: int,
    live: surveys.Live | None,
) -> GuardProbe:
    """Record the outcome once, with its entry; a probe that somebody else has ended is left as it is."""
    result = probes.overall((shown.result for _, shown in found), parts)
    wrote = any(shown.wrote for _, shown in found)
    level = {
        Result.NOT_ENFORCED: "C",
        Result.ENFORCED: plans.guard_level(rtype, facts.bytes_or_none(opened.base.etag)),
        Result.UNCLEAR: opened.level_before,
    }[result]
    version = live.base.version if live is not None else None
    explanation = probes.explain(
        result, found, title=rtype.title, tenant=opened.tenant.name, level=level, version=version
    )
    with transaction.atomic():
        TrackedConfig.objects.select_for_update(no_key=True).get(pk=opened.config_id)
        fields = {
            "ended_at": timezone.now(),
            "requests": opened.requests,
            "result": result.value,
            "wrote": wrote,
            "level": level,
            "explanation": explanation,
            "read_back": live.snapshot if live is not None else None,
            "driver": "",
            "driven_until": None,
        }
        if GuardProbe.objects.filter(pk=opened.pk, ended_at__isnull=True).update(**fields) == 1:
            audit.append(
                "probe.outcome",
                tenant=opened.tenant,
                actor=opened.prober,
                outcome="alarm" if wrote else "ok" if result is Result.ENFORCED else "unknown",
                config=opened.config,
                details={
                    "probe": str(opened.pk),
                    "result": result.value,
                    "wrote": wrote,
                    "level_before": opened.level_before,
                    "guard_level": level,
                    "requests": opened.requests,
                    "after": facts.snapshot_facts(live.snapshot if live is not None else None),
                    "explanation": explanation,
                },
            )
    opened.refresh_from_db()
    return opened


def _read_back(config: TrackedConfig, platform: Platform) -> surveys.Live | None:
    try:
        return surveys.read_live(config, platform, source=Snapshot.Source.READ_BACK)
    except (RemoteError, surveys.LiveUnreadable):
        return None


def _state(live: surveys.Live) -> State:
    author = projection.author_of_change(live.value)
    return State(version=live.base.version, etag=live.base.etag, digest=live.base.digest, author=author)


def _facts(answer: Answer) -> dict[str, Any]:
    return {"status": answer.status, "correlation_id": answer.correlation_id}


def _not_sent(why: str) -> Shown:
    return Shown(result=Result.UNCLEAR, wrote=False, because=f"was not sent: {why.rstrip('.')}", settled=False)


def _shown_of(said: Mapping[str, Any]) -> Shown:
    return Shown(result=Result(said["result"]), wrote=bool(said["wrote"]), because=str(said["because"]))
