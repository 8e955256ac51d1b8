"""The frozen plan of a rollback: the exact bytes to send, what they rest on, and the digest that an approval signs.

Pure: everything comes in as values. The body is spliced from the raw bytes of the stored snapshot, so numbers and
strings are spelled as they were; only the version number is written anew.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tenants.documents import (
    Value,
    canonical_bytes,
    compose,
    load,
    replace,
)
from tenants.resource_types import Guard, ResourceType, VersionRule, written


@dataclass(frozen=True, slots=True)
class Base:
    """The live state that a plan is made on."""

    version: int | None
    etag: bytes | None
    digest: str


@dataclass(frozen=True, slots=True)
class Body:
    """What would be sent, and the numbers inside it."""

    raw: bytes
    sent_version: int | None
    expected_version: int | None

    @property
    def sha256(self) -> str:
        """The digest of the exact bytes, in hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()


def usable_for_if_match(etag: bytes | None) -> bool:
    """Say whether an ETag can guard a write: a weak one never matches (RFC 9110 section 13.1.1)."""
    return etag is not None and etag.startswith(b'"') and etag.endswith(b'"') and len(etag) >= 2


def guard_level(rtype: ResourceType, etag: bytes | None) -> str:
    """Give the level at which a write can really be guarded: A, B or C.

    A type that is guarded by its ETag falls back to its version when the ETag at hand cannot be used, and a type
    without a version to the console's own comparison.
    """
    if rtype.guard is Guard.ETAG and not usable_for_if_match(etag):
        return Guard.COMPARE.level if rtype.version_rule is VersionRule.NONE else Guard.VERSION.level
    return rtype.guard_level


def if_match_of(rtype: ResourceType, etag: bytes | None) -> bytes | None:
    """Give the ETag that goes with a write of a type that is guarded by one, where it can be used.

    It goes along at level C too, where a probe has shown that it is not checked: a service may demand the header.
    """
    return etag if rtype.guard is Guard.ETAG and usable_for_if_match(etag) else None


def version_to_send(rtype: ResourceType, base_version: int | None) -> tuple[int | None, int | None]:
    """Give the version number that the body carries, and the one that live bears once it has landed."""
    if base_version is None or rtype.version_rule is VersionRule.NONE:
        return None, None
    if rtype.version_rule is VersionRule.ASSIGNED:
        return None, base_version + 1
    sent = base_version + 1 if rtype.version_rule is VersionRule.INCREMENT else base_version
    return sent, base_version + 1


def build_body(rtype: ResourceType, *, target: bytes, live: bytes, base_version: int | None) -> Body:
    """Build the full body that takes live back to the target.

    Writable members come from the target, stateful and carried ones from live (PLATFORM.md, "Writing"), and a member
    that only live has is sent as an explicit null where the type says that null clears. A PATCH leaves alone what it
    does not name, so it has what differs and what its body must have. Secrets are never sent. Raises InvalidDocument
    when either side is no JSON object.
    """
    old = written.body_members(rtype, target)
    now = written.body_members(rtype, live)
    sent, expected = version_to_send(rtype, base_version)
    members: dict[str, bytes] = {}
    patches = rtype.update_method == "PATCH"
    for key in rtype.writable:
        if key in rtype.secret or (patches and key not in rtype.required and _same(old.get(key), now.get(key))):
            continue
        if key in old:
            members[key] = old[key]
        elif key in now and rtype.null_clears:
            members[key] = b"null"
    for key in rtype.from_live:
        if key in now and (not patches or key in rtype.required):
            members[key] = now[key]
    if sent is not None:
        root, _, below = rtype.version_pointer.removeprefix("/").partition("/")
        number = str(sent).encode()
        members[root] = replace(now[root], f"/{below}", number) if below else number
    return Body(compose(members), sent, expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrestorable:
    """Root members because of which a write would not leave what the plan shows."""

    immutable: tuple[str, ...]
    """They differ, and the platform never changes them by this write."""
    secret: tuple[str, ...]
    """What a GET shows of them is not what stands."""
    reset: tuple[str, ...]
    """Live has them, and the write would take them away."""
    left: tuple[str, ...]
    """Live has them, the target does not, and a PATCH leaves alone what it does not name."""


def unrestorable(rtype: ResourceType, *, live: Mapping[str, Value], target: Mapping[str, Value]) -> Unrestorable:
    """Give what stands in the way of taking live to the target, by the type's own rules."""
    patches = rtype.update_method == "PATCH"
    stays_masked = [key for key in rtype.secret if key in rtype.writable]
    return Unrestorable(
        immutable=tuple(key for key in rtype.immutable if not _equal(live.get(key), target.get(key))),
        secret=tuple(
            key
            for key in stays_masked
            # A PATCH does not name it, so it stays; a PUT that leaves it out resets it.
            if (not _equal(live.get(key), target.get(key)) if patches else live.get(key) or target.get(key))
        ),
        reset=() if patches else tuple(key for key in rtype.reset if live.get(key)),
        left=_left(rtype, live=live, target=target) if patches and not rtype.null_clears else (),
    )


def _left(rtype: ResourceType, *, live: Mapping[str, Value], target: Mapping[str, Value]) -> tuple[str, ...]:
    now, old = written.comparable(rtype, live), written.comparable(rtype, target)
    shown = [rule.shown_in for rule in rtype.written_as]
    members = dict.fromkeys((*rtype.writable, *shown))
    return tuple(key for key in members if now.get(key) is not None and key not in old and key not in rtype.secret)


def _same(one: bytes | None, other: bytes | None) -> bool:
    return one is not None and other is not None and _equal(load(one), load(other))


def _equal(one: Value, other: Value) -> bool:
    return canonical_bytes([one]) == canonical_bytes([other])


class StepKind(StrEnum):
    """What one step of a rollback does."""

    WRITE = "write"
    """Write the object itself."""
    CREATE_DRAFT = "create_draft"
    """Have the platform make a draft out of what is live."""
    WRITE_DRAFT = "write_draft"
    """Write the draft; live does not change."""
    PUBLISH = "publish"
    """Make the draft the live version."""
    REPOINT = "repoint"
    """Point another object, which uses this one, at the new version."""
    NATIVE_ROLLBACK = "native_rollback"
    """Have the platform make one of its own versions the current one."""
    NATIVE_RESTORE = "native_restore"
    """Have the platform make a new version out of one of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One write of a plan: what it acts on, the exact bytes, its guard and what it is to leave."""

    kind: StepKind
    title: str
    """What it does, for people."""
    resource_type: str
    object_id: str
    observed_path: str = ""
    """What is read to judge it; empty for the live object."""
    method: str
    path: str
    body: Body
    guard_level: str
    base: Base
    """What must stand before it."""
    target_digest: str
    """Of what must stand after it."""

    def signed(self) -> dict[str, Value]:
        """Give everything of it that an approval signs."""
        return {
            "kind": str(self.kind),
            "type": self.resource_type,
            "object": self.object_id,
            "observed": self.observed_path,
            "request": f"{self.method} {self.path}",
            "base_version": self.base.version,
            "base_etag": None if self.base.etag is None else self.base.etag.hex(),
            "base_digest": self.base.digest,
            "target_digest": self.target_digest,
            "expected_version": self.body.expected_version,
            "body_sha256": self.body.sha256,
            "guard_level": self.guard_level,
        }


def weakest_level(levels: Iterable[str]) -> str:
    """Give the level of the step that is guarded least: C before B before A."""
    return max(levels, default=Guard.COMPARE.level)


def plan_digest(
    *,
    tenant: str,
    resource_type: str,
    object_id: str,
    base: Base,
    target_digest: str,
    steps: Sequence[PlannedStep],
    profile: str,
    despite_label: str = "",
    composition: Mapping[str, Value] | None = None,
    confirm_minutes: int | None = None,
) -> str:
    """Give the digest that an approval signs (PROTOCOL.md, PLAN): any difference in what would happen changes it.

    Every step is signed whole, and so is their order; why it goes back to what is labelled bad, where it does; what
    somebody chose of the way back, where it is not the whole target; and after how many minutes it is undone unless
    somebody keeps it, so that the approval covers that undo as well.
    """
    signed: dict[str, Value] = {
        "tenant": tenant,
        "type": resource_type,
        "object": object_id,
        "base_version": base.version,
        "base_etag": None if base.etag is None else base.etag.hex(),
        "base_digest": base.digest,
        "target_digest": target_digest,
        "steps": [step.signed() for step in steps],
        "type_profile": profile,
    }
    if despite_label:
        signed["despite_label"] = despite_label
    if composition:
        signed["composition"] = dict(composition)
    if confirm_minutes is not None:
        signed["confirm_minutes"] = confirm_minutes
    return hashlib.sha256(canonical_bytes(signed)).hexdigest()
