"""Everything that a plan rests on, looked at once: live, the target, the client's identity and permissions.

A survey writes nothing to the platform and decides nothing; it gathers what the pure guards judge. It is taken twice:
when a person plans, and again right before the first byte may leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rollbacks import (
    approving,
    collateral,
    composing,
    differences,
    facts,
    freezing,
    guards,
    labelled,
    one_object,
    permitting,
    planning,
    plans,
    procedures,
    proofs,
)
from rollbacks.models import Rollback
from tenants import archive, capture, connections, object_paths, references
from tenants.documents import Difference, InvalidDocument, Value
from tenants.models import Snapshot, TrackedConfig
from tenants.remote import Answer, ObjectMissing, Platform, RemoteError, RemoteUnknown
from tenants.resource_types import ResourceType, VersionRule, catalogue, projection


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The live object as it was read just now."""

    snapshot: Snapshot
    answer: Answer
    value: dict[str, Value]
    base: plans.Base


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What stands, what would be sent, and how every guard stands."""

    config: TrackedConfig
    rtype: ResourceType
    target: Snapshot
    live: Live | None
    steps: tuple[plans.PlannedStep, ...]
    """What would be sent, in its order; empty where nothing can be."""
    target_digest: str
    guard_level: str
    plan_digest: str
    difference: Difference | None
    """From live to what the write would leave, over the members that the write touches."""
    kept_from_live: tuple[str, ...]
    proof: proofs.Proof
    """What probes have shown of the type's guard in this tenant."""
    checks: tuple[guards.Check, ...]
    notes: tuple[str, ...] = ()
    """What the plan leaves out or alone, in whole sentences."""
    reverts: Snapshot | None = None
    """The version whose own change alone is taken back."""
    wanted: composing.Wanted | None = None
    """What live is to become; None where that cannot be told."""
    overlaps: tuple[collateral.Told, ...] = ()
    """Where what is taken back and later work touched one place differently."""
    despite_label: str = ""
    """Why it goes back to what is labelled bad."""
    confirm_minutes: int | None = None
    """Undo it unless somebody keeps it within so many minutes; None for not."""

    @property
    def refusals(self) -> tuple[guards.Check, ...]:
        """Every guard that refuses; nothing may be sent while there is one."""
        return tuple(check for check in self.checks if check.refuses)

    @property
    def expected_version(self) -> int | None:
        """What live bears once every step has landed; None for a type without versions."""
        own = [step for step in self.steps if step.object_id == self.config.object_id and not step.observed_path]
        return own[-1].body.expected_version if own else None


class LiveUnreadable(Exception):
    """Live could not be read or kept; the message is a sentence. `for_now`: the next look may tell it."""

    def __init__(self, sentence: str, *, for_now: bool = False) -> None:
        super().__init__(sentence)
        self.for_now = for_now


def object_path(config: TrackedConfig) -> str:
    """Give the path of the live object below the tenant's API host."""
    return object_paths.object_path(catalogue.get(config.resource_type), config.object_id)


def read_live(config: TrackedConfig, platform: Platform, *, source: Snapshot.Source = Snapshot.Source.LIVE) -> Live:
    """Read live, keep what was seen, and give it; raises RemoteError or LiveUnreadable."""
    rtype = catalogue.get(config.resource_type)
    try:
        answer, look = capture.read_and_remember(config, rtype, platform, source=source)
        value = archive.value_from(answer.body)
    except archive.UnusableContent as error:
        raise LiveUnreadable(f"Live cannot be used: {error}") from error
    if look is None or look.snapshot is None or look.outcome is capture.Outcome.STALE:
        detail = "" if look is None else look.detail
        raise LiveUnreadable(f"Live could not be told for certain. {detail}".strip(), for_now=True)
    return Live(snapshot=look.snapshot, answer=answer, value=value, base=base_of(rtype, answer, value))


def base_of(rtype: ResourceType, answer: Answer, value: dict[str, Value]) -> plans.Base:
    """Give what an answer shows, as far as a guard is concerned."""
    version = None if rtype.version_rule is VersionRule.NONE else projection.version_of(rtype, value)
    return plans.Base(version, answer.etag, projection.content_digest(rtype, value))


def take_survey(
    config: TrackedConfig,
    target: Snapshot,
    *,
    platform: Platform,
    planned: Rollback | None = None,
    only: Sequence[str] = (),
    keep: Sequence[str] = (),
    reverts: Snapshot | None = None,
    despite: str = "",
    confirm_minutes: int | None = None,
    later: bool = False,
) -> Survey:
    """Look at everything and check every guard, all of them, so that a person sees all refusals at once.

    With `planned` the survey is the last one before a send: live must be exactly what that plan was made on, and its
    approvals must be there. `only` restores just these places, `keep` leaves these as they are on live; with `reverts`
    just what that version changed is taken back, and the target is the version before it. `despite` is why it goes back
    to what is labelled bad; with `confirm_minutes` it is undone unless somebody keeps it; `later` is for a time
    without a freeze. Never raises for what the platform answers: that is a refusal with its sentence.
    """
    rtype, tenant = catalogue.get(config.resource_type), config.tenant
    live, why_not = _live(config, platform)
    old, recorded_digest, target_problem = _target(config, rtype, target)
    composed: composing.Wanted | None = None
    problem: str | None = None
    if old is not None and live is not None:
        composed, problem = _composed(target, live, rtype, only=only, keep=keep, reverts=reverts)
    if composed is not None:
        only, keep = composed.only, composed.keep
    wanted = None if composed is None or composed.overlaps else composed.raw
    whole = not (only or keep or reverts is not None)
    target_digest = target.digest if whole or wanted is None else _digest(rtype, wanted)
    overlaps = _overlaps(config, rtype, composed, live, reverts or target)
    if planned is None and not labelled.against(config, target, target_digest=target_digest).sentences:
        # Nothing was confirmed where nothing speaks against it: a label that comes later is to refuse.
        despite = ""
    proof = proofs.proof_of(tenant, rtype)
    level = proof.level(live.base.etag if live else None)
    plan = procedures.Plan()
    if live is not None and wanted is not None:
        situation = _situation(
            config,
            target,
            live,
            wanted,
            target_digest=target_digest,
            level=level,
            chosen=bool(only or keep),
            reverts=reverts,
        )
        plan = _plan(config, situation, platform)
    steps = plan.steps
    needed = approving.needed(planned) if planned is not None else tenant.approvals_needed
    given = facts.approvals_given(planned) if planned is not None else 0
    checks = [
        guards.check_type(rtype.why_read_only, procedure=rtype.procedure.sentence if rtype.procedure else ""),
        guards.check_tenant(frozen=tenant.frozen, reason=tenant.frozen_reason, name=tenant.name),
        freezing.check_planned(config, steps, later=later) if planned is None else freezing.check(planned),
        *check_access(config, planning.types_written(rtype, steps), platform, live=live, target=old),
        _live_unchanged(planned, live, why_not),
        guards.check_target_readable(target_problem, size=target.document.size),
        guards.check_target_digest(recorded=target.digest, computed=recorded_digest),
        labelled.check(config, target, target_digest=target_digest, despite=despite),
    ]
    if problem is not None:
        checks.append(guards.refuse_schema(problem))
    if overlaps or reverts is not None:
        told = collateral.sentences(overlaps, undone=None if reverts is None else reverts.version)
        checks.append(guards.check_overlap(told))
    if live is not None and wanted is not None:
        becomes = archive.value_from(wanted)
        checks += [
            _restorable(rtype, live=live.value, target=becomes),
            _references(rtype, live.value, becomes, platform),
            guards.check_schema(
                unknown_in_target=_unknown(rtype, becomes),
                unknown_in_live=_unknown(rtype, live.value),
                missing=[key for key in rtype.required if key not in becomes and key in rtype.writable],
                known=rtype.known,
            ),
            *_steps_stand(
                rtype,
                live,
                plan,
                guards.check_no_op(
                    live=live.base.digest,
                    target=target_digest,
                    version=target.version,
                    chosen=len(only),
                    kept=len(keep),
                    undone=None if reverts is None else reverts.version,
                ),
            ),
        ]
    checks += [
        guards.check_in_flight(one_object.open_attempt_on_any(config, steps)),
        guards.check_approvals(needed=needed, given=given),
    ]
    return Survey(
        config=config,
        rtype=rtype,
        target=target,
        live=live,
        steps=steps,
        target_digest=target_digest,
        guard_level=plans.weakest_level(step.guard_level for step in steps) if steps else level,
        plan_digest=_plan_digest(
            config,
            rtype,
            target_digest,
            live,
            steps,
            despite=despite,
            composition=facts.composition(only=only, keep=keep, reverts=reverts),
            confirm_minutes=confirm_minutes,
        ),
        difference=_difference(rtype, live, wanted, steps),
        proof=proof,
        kept_from_live=_kept_from_live(rtype, live),
        notes=(*plan.losses, *plan.notes, *collateral.notes_of(composed, target, reverts)),
        checks=tuple(checks),
        reverts=reverts,
        wanted=composed,
        overlaps=tuple(overlaps),
        despite_label=despite,
        confirm_minutes=confirm_minutes,
    )


def _live(config: TrackedConfig, platform: Platform) -> tuple[Live | None, Exception | None]:
    try:
        return read_live(config, platform), None
    except (RemoteError, LiveUnreadable, object_paths.InvalidObjectId) as error:
        return None, error


def _as_told(check: guards.Check, error: Exception | None) -> guards.Check:
    """Give a check that refuses because of an error; silence refuses for now, a plain no for good."""
    silence = isinstance(error, RemoteUnknown) or (isinstance(error, LiveUnreadable) and error.for_now)
    return guards.only_for_now(check) if silence else check


def _target(
    config: TrackedConfig, rtype: ResourceType, target: Snapshot
) -> tuple[dict[str, Value] | None, str | None, str | None]:
    if target.config_id != config.pk:
        return None, None, f"v{target.version} is a version of another object than {config.address}."
    try:
        value = archive.value_from(archive.bytes_of(target))
    except archive.UnusableContent as error:
        return None, None, str(error)
    return value, projection.content_digest(rtype, value), None


def _composed(
    target: Snapshot,
    live: Live,
    rtype: ResourceType,
    *,
    only: Sequence[str],
    keep: Sequence[str],
    reverts: Snapshot | None,
) -> tuple[composing.Wanted | None, str | None]:
    """Give what live is to become, or why that cannot be told."""
    try:
        undone = None if reverts is None else archive.bytes_of(reverts)
        wish = composing.Wish(only=tuple(only), keep=tuple(keep), undone=undone)
        return composing.wanted(rtype, target=archive.bytes_of(target), live=live.answer.body, wish=wish), None
    except (composing.NotComposable, archive.UnusableContent, InvalidDocument) as error:
        return None, str(error)


def _overlaps(
    config: TrackedConfig, rtype: ResourceType, composed: composing.Wanted | None, live: Live | None, since: Snapshot
) -> list[collateral.Told]:
    if composed is None or live is None or not composed.overlaps:
        return []
    steps = collateral.steps_between(rtype, config, first=since, last=live.snapshot)
    return collateral.told_overlaps(rtype, composed.overlaps, steps)


def _digest(rtype: ResourceType, raw: bytes) -> str:
    return projection.content_digest(rtype, archive.value_from(raw))


def _situation(
    config: TrackedConfig,
    target: Snapshot,
    live: Live,
    wanted: bytes,
    *,
    target_digest: str,
    level: str,
    chosen: bool,
    reverts: Snapshot | None,
) -> procedures.Situation:
    return procedures.Situation(
        rtype=catalogue.get(config.resource_type),
        object_id=config.object_id,
        live=live.answer.body,
        base=live.base,
        level=level,
        target=wanted,
        target_digest=target_digest,
        target_version=target.version,
        chosen=chosen,
        undone=None if reverts is None else reverts.version,
    )


def _plan(config: TrackedConfig, situation: procedures.Situation, platform: Platform) -> procedures.Plan:
    try:
        return planning.plan_steps(config, situation, platform=platform)
    except InvalidDocument as error:
        return procedures.Plan(problems=(str(error),))


def _steps_stand(rtype: ResourceType, live: Live, plan: procedures.Plan, something: guards.Check) -> list[guards.Check]:
    """Check that the steps could be planned, what numbers they carry, and that they change something."""
    if rtype.procedure is None:
        [step] = plan.steps or (None,)
        numbered = guards.check_version(
            rule=rtype.version_rule,
            base=live.base.version,
            sent=None if step is None else step.body.sent_version,
            expected=None if step is None else step.body.expected_version,
        )
        return [numbered, something]
    planned = guards.check_steps(plan.problems, titles=[step.title for step in plan.steps])
    checks = [guards.only_for_now(planned) if plan.for_now else planned]
    if rtype.steps is not None and rtype.steps.draft_path and plan.steps:
        checks.append(guards.warn_of_losses(plan.losses))
    if not plan.steps and not plan.problems:
        checks.append(something)
    return checks


def _kept_from_live(rtype: ResourceType, live: Live | None) -> tuple[str, ...]:
    """Give what a plain write repeats as it is on live; the steps of a procedure repeat nothing."""
    if live is None or rtype.procedure is not None:
        return ()
    return tuple(key for key in rtype.stateful if key in live.value)


def _unknown(rtype: ResourceType, value: dict[str, Value]) -> set[str]:
    """Give the members that the type does not declare; one that nobody may write declares only what is set apart."""
    return set(value) - rtype.known if rtype.update_method else set()


def _restorable(rtype: ResourceType, *, live: dict[str, Value], target: dict[str, Value]) -> guards.Check:
    found = plans.unrestorable(rtype, live=live, target=target)
    return guards.check_restorable(
        immutable=found.immutable, secret=found.secret, reset=found.reset, left=found.left, caveat=rtype.caveat
    )


def check_access(
    config: TrackedConfig,
    types: Sequence[ResourceType],
    platform: Platform,
    *,
    live: Live | None,
    target: dict[str, Value] | None = None,
) -> tuple[guards.Check, ...]:
    """Check whose the OAuth client is and what it may do, where the object is and where the target would move it.

    `types` are those that a plan writes, the object's own first. What the platform does not tell is a refusal.
    """
    allowed = permitting.check(types, platform, live=live.value if live is not None else None, target=target)
    return _identity(config, platform), *allowed


def _references(
    rtype: ResourceType, live: dict[str, Value], target: dict[str, Value], platform: Platform
) -> guards.Check:
    seen = references.look_up(references.new_in(rtype, target=target, live=live), platform)
    return guards.check_references(
        missing=[named.words for named in seen.missing],
        untold=[(named.words, reason) for named, reason in seen.untold],
        beyond=seen.beyond,
        there=len(seen.there),
    )


def _identity(config: TrackedConfig, platform: Platform) -> guards.Check:
    try:
        connections.check_identity(config.tenant, platform)
    except RemoteError as error:
        return _as_told(guards.check_identity(error.sentence, organization=""), error)
    return guards.check_identity(None, organization=config.tenant.organization_id)


def _live_unchanged(planned: Rollback | None, live: Live | None, why_not: Exception | None) -> guards.Check:
    title = guards.TITLES["live_unchanged"]
    if planned is not None and isinstance(why_not, ObjectMissing):
        return guards.check_live_unchanged(seen="there", now="", moved=f"it is gone from the platform. {why_not}")
    if live is None:
        unreadable = guards.Check("live_readable", title, guards.Standing.REFUSES, f"{why_not} Nothing was sent.")
        return _as_told(unreadable, why_not)
    if planned is None:
        return guards.check_live_unchanged(seen="", now="", moved="")
    seen = plans.Base(planned.base_version, facts.bytes_or_none(planned.base_etag), planned.base_digest)
    return guards.check_live_unchanged(seen=_text(seen), now=_text(live.base), moved=how_live_moved(live, seen))


def how_live_moved(live: Live, seen: plans.Base) -> str:
    """Say who moved live, and what moved, since it was `seen`."""
    who = live.snapshot.author_name or live.snapshot.author_id or "somebody whom the platform does not name"
    when = f" on {live.snapshot.written_at:%d %b %Y at %H:%M} UTC" if live.snapshot.written_at else ""
    if live.base.version != seen.version:
        return f"it was version {seen.version} and is version {live.base.version}, written by {who}{when}."
    if live.base.digest != seen.digest:
        return f"its content changed, written by {who}{when}."
    return "its ETag changed although its version and content did not."


def _text(base: plans.Base) -> str:
    return f"{base.version} {base.etag!r} {base.digest}"


def _plan_digest(
    config: TrackedConfig,
    rtype: ResourceType,
    target_digest: str,
    live: Live | None,
    steps: Sequence[plans.PlannedStep],
    *,
    despite: str,
    composition: dict[str, Value],
    confirm_minutes: int | None,
) -> str:
    if live is None or not steps:
        return ""
    return plans.plan_digest(
        tenant=str(config.tenant_id),
        resource_type=config.resource_type,
        object_id=config.object_id,
        base=live.base,
        target_digest=target_digest,
        steps=steps,
        profile=rtype.profile,
        despite_label=despite,
        composition=composition,
        confirm_minutes=confirm_minutes,
    )


def _difference(
    rtype: ResourceType, live: Live | None, wanted: bytes | None, steps: Sequence[plans.PlannedStep]
) -> Difference | None:
    if live is None or wanted is None or (rtype.procedure is None and not steps):
        return None
    return differences.difference_planned(rtype, live.value, target=archive.value_from(wanted), steps=steps)


def later_work(survey: Survey) -> list[collateral.Later]:
    """Give what of later work a planned way back would undo; none where only one version's change is taken back."""
    if survey.live is None or survey.wanted is None or survey.reverts is not None:
        return []
    try:
        return collateral.of_way_back(
            survey.config, survey.rtype, target=survey.target, live=survey.live.snapshot, kept=survey.wanted.leaves
        )
    except archive.UnusableContent:
        return []


def composition(survey: Survey) -> dict[str, Value]:
    """Give what somebody chose of a planned way back; nothing where it is the whole target."""
    only, keep = ((), ()) if survey.wanted is None else (survey.wanted.only, survey.wanted.keep)
    return facts.composition(only=only, keep=keep, reverts=survey.reverts)


def sentences(checks: Sequence[guards.Check]) -> str:
    """Join what refuses into one text for people."""
    return " ".join(check.message for check in checks if check.refuses)
