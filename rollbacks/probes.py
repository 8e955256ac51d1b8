"""A probe of a type's guard: what to send, and what the answer comes to; pure (PROTOCOL.md, "Rules by type").

A PUT of the live content under a stale guard must be refused. Where it is not, the same content stands once more, as
one more version at worst, and the server does not check what the type's guard rests on. Each precondition is probed by
itself, with everything else right: a stale ETag with the right version, and the right ETag with a stale version.

    answer                          live afterwards           result
    a lost race                     as before                 enforced
    a lost race                     moved, written by us      not enforced, and the probe wrote
    success                         moved, or it names b + 1  not enforced, and the probe wrote
    success                         as before                 unclear: RFC 9110 section 13.1.1 lets a server answer so
                                                              where the same content stands already
    anything else                   moved, written by us      not enforced, and the probe wrote
    anything else                   otherwise                 unclear
    any                             moved by somebody else,   unclear
                                    or not readable
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rollbacks.plans import Base, build_body, unrestorable, usable_for_if_match
from rollbacks.refusals import Told
from tenants.documents import Value
from tenants.resource_types import Guard, Refusal, ResourceType, VersionRule


class Part(StrEnum):
    """One precondition that a level rests on."""

    ETAG = "etag"
    VERSION = "version"


class Result(StrEnum):
    """What a probe showed."""

    ENFORCED = "enforced"
    NOT_ENFORCED = "not_enforced"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """One request of a probe: the live content under one stale precondition."""

    part: Part
    body: bytes
    if_match: bytes | None
    sent_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What one read of the object showed."""

    version: int | None
    etag: bytes | None
    digest: str
    author: str | None = None

    def moved_from(self, before: "State") -> bool:
        """Tell whether the object was written in between: by its version, else by its ETag and content."""
        if self.version is not None and before.version is not None:
            return self.version != before.version
        return (self.etag, self.digest) != (before.etag, before.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back for one request; with neither `success` nor `refusal` nothing that can be used came."""

    success: bool
    version: int | None = None
    """The version that a success names."""
    refusal: Refusal | None = None
    told: Told | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one request of a probe came to."""

    result: Result
    wrote: bool
    """Whether the probe itself changed the object: the same content, one more version."""
    because: str
    """For people, a clause."""
    settled: bool = True
    """Whether live stands as the next request assumes."""


def parts_of(rtype: ResourceType, etag: bytes | None) -> tuple[Part, ...]:
    """Give what the level of the type rests on, with the ETag that live bears; empty at level C."""
    numbered = rtype.version_rule not in {VersionRule.NONE, VersionRule.ASSIGNED}
    if rtype.guard is Guard.ETAG and usable_for_if_match(etag):
        return (Part.ETAG, Part.VERSION) if numbered else (Part.ETAG,)
    return (Part.VERSION,) if numbered and rtype.guard is not Guard.COMPARE else ()


def why_never(rtype: ResourceType) -> str:
    """Say why the type cannot be probed at all, in a whole sentence; empty where it can."""
    if rtype.why_read_only:
        return rtype.why_read_only
    if rtype.guard is Guard.COMPARE:
        return f"The platform checks nothing when {rtype.one} is written (level C), so there is no guard to probe."
    if rtype.procedure is not None:
        return f"Taking {rtype.one} back {rtype.procedure.sentence}; no plain write of it has a guard to probe."
    return ""


def why_not_now(rtype: ResourceType, live: Mapping[str, Value], base: Base) -> str:
    """Say why this object cannot be probed as it stands, in a whole sentence; empty where it can."""
    kept = unrestorable(rtype, live=live, target=live)
    lost = (*kept.secret, *kept.reset)
    if lost:
        return (
            f"A write of the whole object would not leave {' and '.join(lost)} as it is, because the platform does not "
            "show it. Choose an object without it."
        )
    if not parts_of(rtype, base.etag):
        return "Live bears no ETag that can be sent back, and the type has no version. Choose another object."
    if Part.VERSION in parts_of(rtype, base.etag) and not base.version:
        return f"Live shows version {base.version}, and there is none before it. Choose an object that has changed."
    return ""


def stale_request(rtype: ResourceType, part: Part, *, live: bytes, base: Base, older_etag: bytes | None) -> Stale:
    """Give the live content under one stale precondition, everything else as a rollback would send it now.

    `older_etag` is one that the object bore before, where one is known. Raises InvalidDocument for a live that is no
    JSON object.
    """
    seen = base.version
    if part is Part.VERSION and seen is not None:
        seen -= 1  # what somebody would send who has not noticed the latest change
    body = build_body(rtype, target=live, live=live, base_version=seen)
    etag = base.etag if rtype.guard is Guard.ETAG and usable_for_if_match(base.etag) else None
    if part is Part.ETAG and base.etag is not None:
        etag = older_etag if older_etag != base.etag and usable_for_if_match(older_etag) else _another(base.etag)
    return Stale(part=part, body=body.raw, if_match=etag, sent_version=body.sent_version)


def _another(etag: bytes) -> bytes:
    """Give an ETag of the same form that is not this one."""
    inside = etag[1:-1]
    if inside.isdigit():
        number = int(inside)
        return b'"%d"' % (number - 1 if number else 1)
    if not inside:
        return b'"0"'
    return b'"' + inside[:-1] + (b"1" if inside[-1:] == b"0" else b"0") + b'"'


def judge(answered: Answered, *, before: State, after: State | None, client_id: str) -> Shown:
    """Say what one request came to, from its answer and from what live was before and is after it.

    `after` is None where live could not be read back.
    """
    named = None if answered.version is None or before.version is None else answered.version - before.version
    if answered.success and named == 1:
        return _wrote("was answered with a success that names the next version")
    if after is None:
        return Shown(result=Result.UNCLEAR, wrote=False, because="live could not be read back", settled=False)
    if after.moved_from(before):
        ours = after.author == client_id if after.author is not None else answered.success
        if ours and after.digest == before.digest:
            return _wrote("left one more version that bears our client's name")
        return Shown(
            result=Result.UNCLEAR, wrote=False, because="somebody else wrote the object meanwhile", settled=False
        )
    if answered.success:
        return Shown(
            result=Result.UNCLEAR,
            wrote=False,
            because="was answered with a success although live has not moved, which a server may do where the same "
            "content stands already",
        )
    if answered.refusal is Refusal.LOST_RACE:
        return Shown(result=Result.ENFORCED, wrote=False, because="was refused, and live has not moved")
    why = answered.told.title if answered.told is not None else "no answer that can be used"
    return Shown(result=Result.UNCLEAR, wrote=False, because=f"was not judged by the guard: {why}")


def _wrote(because: str) -> Shown:
    return Shown(result=Result.NOT_ENFORCED, wrote=True, because=because, settled=False)


def overall(results: Iterable[Result], parts: int) -> Result:
    """Give what the whole probe showed: enforced only where every one of its parts was shown to be."""
    found = list(results)
    if Result.NOT_ENFORCED in found:
        return Result.NOT_ENFORCED
    return Result.ENFORCED if len(found) == parts and set(found) == {Result.ENFORCED} else Result.UNCLEAR


def explain(
    result: Result,
    found: Iterable[tuple[Part, Shown]],
    *,
    title: str,
    tenant: str,
    level: str,
    version: int | None,
) -> str:
    """Say in whole sentences what a probe showed, whether it wrote, and what follows; `version` is live afterwards."""
    parts = list(found)
    tried = " ".join(f"The live content under a stale {_NAMES[part]} {shown.because}." for part, shown in parts)
    if not parts:
        tried = "Nothing was sent."
    as_version = f" as version {version}" if version is not None else ""
    wrote = (
        f" The probe itself wrote: the same content is live once more{as_version}."
        if any(shown.wrote for _, shown in parts)
        else ""
    )
    match result:
        case Result.ENFORCED:
            then = f"The platform checks the guard of this type ({title}) in {tenant}: level {level}."
        case Result.NOT_ENFORCED:
            then = (
                f"The platform does not check the guard of this type ({title}) in {tenant}, so it is level C "
                "there from now on: plans say so, approvals of plans at another level are void, and nothing that may "
                "have been received is sent again. Tell the platform's support; a later probe that finds it checked "
                "lifts this."
            )
        case Result.UNCLEAR:
            then = f"That shows nothing of the guard, so the level stays {level}. Probe again later."
    return f"{tried}{wrote} {then}"


_NAMES: Mapping[Part, str] = {Part.ETAG: "ETag", Part.VERSION: "version"}
