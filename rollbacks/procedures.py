"""The steps that take an object back where one plain write does not: pure planning, every byte known beforehand.

    publish and repoint   PUT the draft · POST its publication · PUT each deployment that uses the live version
    draft and publish     POST a draft where there is none · PATCH it · POST its publication
    native rollback       POST the rollback to one of the platform's versions · PATCH what that leaves
    native restore        POST the restoring of one of the platform's versions

Everything comes in as values, as it was just read. All bodies are known now, because a step is begun only when the one
before it has left exactly what the plan says: publishing makes the version after the live one, or nothing goes on. A
step whose effect stands already is left out, and a note says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

from rollbacks.plans import Base, Body, PlannedStep, StepKind, build_body
from tenants.documents import NotFound, Value, canonical_bytes, compose, load, resolve, root_members, to_text
from tenants.object_paths import filled
from tenants.resource_types import Procedure, ResourceType, StepRules, projection, written

NO_DRAFT: Final = "0" * 64
"""Stands for the digest of a draft that is not there."""
FIRST_DRAFT_VERSION: Final = 1
"""What a draft that was just made is numbered (PLATFORM.md: "does not match latest draft version 1")."""
LONGEST_NAME: Final = 200
"""How much of a name a title has room for, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The draft of an object, as it was read."""

    version: int | None
    digest: str
    ready: bool = True
    """Whether it can be published now, as far as it says so."""
    standing: str = ""
    """What it says of that, in the platform's word."""
    author: str | None = None
    """The OAuth client or the person who wrote it, where the platform names one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Another object that names this one, and which version of it."""

    rtype: ResourceType
    object_id: str
    name: str
    raw: bytes
    version: str
    base: Base


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What there is around an object besides itself."""

    draft: Draft | None = None
    """None where there is none."""
    users: tuple[User, ...] = ()
    left_over: Mapping[str, str] = field(default_factory=dict)
    """Users, by id, that the rollback which made this content live did not repoint, with the version to leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """An object as it is live, and what it is to become."""

    rtype: ResourceType
    object_id: str
    live: bytes
    base: Base
    level: str
    """At which a write of the object itself is guarded, with the ETag at hand."""
    target: bytes
    target_digest: str
    target_version: int
    chosen: bool = False
    """Whether only some values of the target are restored."""
    undone: int | None = None
    """The version whose own change alone is taken back."""
    around: Surroundings = field(default_factory=Surroundings)

    def among(self, around: Surroundings) -> "Situation":
        """Give the same among these surroundings."""
        return replace(self, around=around)

    @property
    def rules(self) -> StepRules:
        """Where the type's steps go."""
        return self.rtype.steps or StepRules()

    @property
    def content(self) -> str:
        """Name what live is to become."""
        if self.undone is not None:
            return f"what is live without what v{self.undone} changed"
        return f"{'the chosen values' if self.chosen else 'the content'} of v{self.target_version}"

    def path(self, template: str) -> str:
        """Fill in where the object is found."""
        return filled(template, self.rtype, self.object_id)

    def step(self, kind: StepKind, title: str, **fields: object) -> PlannedStep:
        """Give a step that acts on this object."""
        known: dict[str, object] = {"resource_type": self.rtype.name, "object_id": self.object_id}
        return PlannedStep(kind=kind, title=title, **(known | fields))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps in their order, what a person should know about them, and why there can be none."""

    steps: tuple[PlannedStep, ...] = ()
    notes: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    """What the steps destroy for good, in whole sentences."""
    problems: tuple[str, ...] = ()
    for_now: bool = False
    """Whether the problems may be gone at the next look, because the platform did not tell."""


def plan(situation: Situation) -> Plan:
    """Plan the steps of a type's procedure; raises KeyError for one that nobody carries out."""
    procedure = situation.rtype.procedure
    if procedure is None:
        raise KeyError(procedure)
    return _PLANNERS[procedure](situation)


# --- draft, publish, repoint -----------------------------------------------------------------------------------------


def _publish_and_repoint(situation: Situation) -> Plan:
    live, digest = situation.base, situation.target_digest
    if live.version is None:
        return Plan(problems=("Live shows no version number, so the number of the next one is not known.",))
    draft = situation.around.draft
    if draft is None:
        return Plan(problems=(f"There is no draft of this {situation.rtype.title} that could be written.",))
    steps, notes = [], []
    losses: tuple[str, ...] = ()
    stands = live.digest == digest
    if not stands:
        if draft.digest != digest:
            losses = _overwritten_work(situation, draft)
            steps.append(
                situation.step(
                    StepKind.WRITE_DRAFT,
                    f"Write {situation.content} into the draft",
                    observed_path=situation.path(situation.rules.draft_path),
                    method="PUT",
                    path=situation.path(situation.rules.draft_path),
                    body=Body(compose(_draft_members(situation)), None, None),
                    guard_level="C",
                    base=Base(None, None, draft.digest),
                    target_digest=digest,
                )
            )
        else:
            notes.append(_draft_stands(situation))
        steps.append(
            situation.step(
                StepKind.PUBLISH,
                f"Publish the draft as version {live.version + 1}",
                method="POST",
                path=situation.path(situation.rules.publish_path),
                body=Body(b"", None, live.version + 1),
                guard_level="C",
                base=live,
                target_digest=digest,
            )
        )
    else:
        notes.append(f"Version {live.version} is live and has this content already, so nothing is published.")
    shown = live.version if stands else live.version + 1
    pointing, left = _repointed(situation, shown, only_left_over=stands)
    return Plan(steps=(*steps, *pointing), notes=(*notes, *left), losses=losses)


def _repointed(situation: Situation, version: int, *, only_left_over: bool) -> tuple[list[PlannedStep], list[str]]:
    """Point at `version` whatever uses the version that is live now; say what is left alone."""
    steps, notes = [], []
    around = situation.around
    for user in sorted(around.users, key=lambda one: one.name):
        what = f"the {user.rtype.title.lower()} “{_shortened(user.name or user.object_id)}”"
        left_over = around.left_over.get(user.object_id) == user.version
        follows = left_over if only_left_over else left_over or user.version == str(situation.base.version)
        if user.version == str(version):
            continue
        if not follows:
            notes.append(f"{what[0].upper()}{what[1:]} uses version {user.version} and is left alone.")
            continue
        steps.append(_repoint(situation, user, version, f"Point {what} at version {version}"))
    if not steps and not only_left_over:
        notes.append("Nothing uses the version that is live now, so nothing has to be pointed at the new one.")
    return steps, notes


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _repoint(situation: Situation, user: User, version: int, title: str) -> PlannedStep:
    root = situation.rules.used_by_pointer.removeprefix("/")
    reference: dict[str, Value] = {"id": situation.object_id, "version": str(version)}
    pointed = compose({**root_members(user.raw), root: to_text(reference).encode()})
    after = load(pointed)
    return PlannedStep(
        kind=StepKind.REPOINT,
        title=title,
        resource_type=user.rtype.name,
        object_id=user.object_id,
        method=user.rtype.update_method,
        path=filled(user.rtype.object_path, user.rtype, user.object_id),
        body=build_body(user.rtype, target=pointed, live=user.raw, base_version=None),
        guard_level="C",
        base=user.base,
        target_digest=projection.content_digest(user.rtype, after if isinstance(after, dict) else {}),
    )


def _draft_and_publish(situation: Situation) -> Plan:
    draft, digest = situation.around.draft, situation.target_digest
    if situation.base.digest == digest:
        return Plan()
    path = situation.path(situation.rules.draft_path)
    steps, notes = [], []
    losses: tuple[str, ...] = ()
    if draft is None:
        draft = Draft(version=FIRST_DRAFT_VERSION, digest=situation.base.digest)
        steps.append(
            situation.step(
                StepKind.CREATE_DRAFT,
                "Make a draft out of what is live",
                observed_path=path,
                method="POST",
                path=path,
                body=Body(b"", None, None),
                guard_level="C",
                base=Base(None, None, NO_DRAFT),
                target_digest=draft.digest,
            )
        )
    elif draft.digest != digest:
        losses = _overwritten_work(situation, draft)
    if draft.version is None:
        return Plan(problems=("The draft shows no version number, so its write could not be guarded.",))
    number = draft.version
    if draft.digest != digest:
        members = {**_draft_members(situation), situation.rules.draft_version_pointer[1:]: str(number).encode()}
        steps.append(
            situation.step(
                StepKind.WRITE_DRAFT,
                f"Write {situation.content} into the draft",
                observed_path=path,
                method="PATCH",
                path=path,
                body=Body(compose(members), number, number + 1),
                guard_level="B",
                base=Base(number, None, draft.digest),
                target_digest=digest,
            )
        )
        number += 1
    else:
        notes.append(_draft_stands(situation))
    steps.append(
        situation.step(
            StepKind.PUBLISH,
            "Publish the draft",
            method="POST",
            path=situation.path(situation.rules.publish_path),
            body=Body(compose({"version": str(number).encode()}), number, None),
            guard_level="C",
            base=situation.base,
            target_digest=digest,
        )
    )
    return Plan(steps=tuple(steps), notes=tuple(notes), losses=losses)


def _draft_members(situation: Situation) -> dict[str, bytes]:
    """Give the members of the target that a draft takes, as they are spelled there and as a body names them."""
    rtype = situation.rtype
    old, now = written.body_members(rtype, situation.target), written.body_members(rtype, situation.live)
    members = {}
    for key in situation.rules.draft_writable or rtype.writable:
        if key in rtype.secret:
            continue
        if key in old:
            members[key] = old[key]
        elif key in now and rtype.null_clears:
            members[key] = b"null"
    return members


def _draft_stands(situation: Situation) -> str:
    return f"The draft has {situation.content} already, so it is not written again."


def _overwritten_work(situation: Situation, draft: Draft) -> tuple[str, ...]:
    if draft.digest == situation.base.digest:
        return ()
    by = f", last written by {draft.author}" if draft.author else ""
    lost = f"Unpublished work is lost: the draft holds changes that were never published{by}."
    return (f"{lost} This rollback overwrites them, and nobody can restore them.",)


# --- what the platform itself takes back -----------------------------------------------------------------------------


def _native_rollback(situation: Situation) -> Plan:
    rtype, rules = situation.rtype, situation.rules
    problem = _not_in_parts(situation)
    key = _native_key(situation)
    brought = {*rtype.stepped, *rules.native_writable}
    old, now = root_members(situation.target), root_members(situation.live)
    steps, notes = [], []
    before, raw = situation.base, situation.live
    if not _same_members(situation.target, situation.live, rtype, rtype.stepped):
        if key is None or problem:
            return Plan(problems=(problem or _no_key(situation),))
        kept = {name: member for name, member in now.items() if name not in brought}
        raw = compose({**kept, **{name: member for name, member in old.items() if name in brought}})
        after = projection.content_digest(rtype, _value(raw))
        steps.append(
            situation.step(
                StepKind.NATIVE_ROLLBACK,
                f"Have the platform make its version {key} the published one again",
                method="POST",
                path=situation.path(rules.native_path).replace("{version}", quote(key, safe="")),
                body=Body(_native_body(rules, key), None, None),
                guard_level="C",
                base=before,
                target_digest=after,
            )
        )
        before = Base(before.version, None, after)
    else:
        notes.append("The platform publishes the same version already, so only the rest is written.")
    if before.digest != situation.target_digest:
        body = build_body(rtype, target=situation.target, live=raw, base_version=None)
        names = ", ".join(root_members(body.raw))
        steps.append(
            situation.step(
                StepKind.WRITE,
                f"Write what that leaves: {names}" if steps else f"Write {names}",
                method=rtype.update_method,
                path=situation.path(rtype.object_path),
                body=body,
                guard_level="C",
                base=before,
                target_digest=situation.target_digest,
            )
        )
    return Plan(steps=tuple(steps), notes=tuple(notes))


def _native_restore(situation: Situation) -> Plan:
    problem, key = _not_in_parts(situation), _native_key(situation)
    if problem or key is None:
        return Plan(problems=(problem or _no_key(situation),))
    live = situation.base
    if live.version is None:
        return Plan(problems=("Live shows no version number, so the number of the next one is not known.",))
    step = situation.step(
        StepKind.NATIVE_RESTORE,
        f"Have the platform make version {live.version + 1} out of its version {situation.target_version}",
        method="POST",
        path=situation.path(situation.rules.native_path),
        body=Body(_native_body(situation.rules, key), None, live.version + 1),
        guard_level="C",
        base=live,
        target_digest=situation.target_digest,
    )
    return Plan(steps=(step,) if live.digest != situation.target_digest else ())


def _native_key(situation: Situation) -> str | None:
    """Give what the platform calls the version that the target shows."""
    try:
        found = resolve(_value(situation.target), situation.rules.native_key_pointer)
    except NotFound:
        return None
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found else None


def _native_body(rules: StepRules, key: str) -> bytes:
    return to_text({rules.native_body_key: key} if rules.native_body_key else {}).encode()


def _not_in_parts(situation: Situation) -> str:
    if not situation.chosen:
        return ""
    return f"The platform takes a whole version of a {situation.rtype.title} back, so values cannot be chosen."


def _no_key(situation: Situation) -> str:
    where = situation.rules.native_key_pointer
    return f"v{situation.target_version} does not name the platform's version that it shows ({where})."


def _same_members(one: bytes, other: bytes, rtype: ResourceType, names: Sequence[str]) -> bool:
    sides = [projection.project(rtype, _value(raw)) for raw in (one, other)]
    first, second = ({name: side[name] for name in names if name in side} for side in sides)
    return canonical_bytes(first) == canonical_bytes(second)


def _value(raw: bytes) -> dict[str, Value]:
    value = load(raw)
    return value if isinstance(value, dict) else {}


_PLANNERS: Final[dict[Procedure, Callable[[Situation], Plan]]] = {
    Procedure.PUBLISH_AND_REPOINT: _publish_and_repoint,
    Procedure.DRAFT_AND_PUBLISH: _draft_and_publish,
    Procedure.NATIVE_ROLLBACK: _native_rollback,
    Procedure.NATIVE_RESTORE: _native_restore,
}
