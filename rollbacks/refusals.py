"""What a no of the platform means for the person who asked: what happened, what was not done, what to do next.

Pure: a kind and a name come in, whole sentences go out. `settled` says that the answer proves that nothing changed; a
409, 412, 428, 408 or 5xx never does (PROTOCOL.md, the verdict), and then the sentence does not claim it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tenants.resource_types import Kind

_NOTHING_CHANGED: Final = "Nothing of ours was written."
_NOT_PROVEN: Final = "That answer alone does not prove that nothing was written; the console reads live to tell."

# What happened, with the name and without it, and what to do next.
_WORDS: Final[Mapping[Kind, tuple[str, str, str]]] = MappingProxyType(
    {
        Kind.BAD_TRANSITION: (
            "The platform does not let the object's status go from {name} by this write.",
            "The platform does not let the object's status change in this way by this write.",
            "Bring the object into the right status on the platform itself (stop or reset it there), then plan again.",
        ),
        Kind.IMMUTABLE: (
            "The platform never changes {name} of an object that exists, and this write would have.",
            "The platform never changes what this write would have changed of an object that exists.",
            "Restore the other values one by one, or make a new object on the platform and point at that one.",
        ),
        Kind.DEPENDENCY: (
            "The platform refused because {name} depends on this object as it is now.",
            "The platform refused because something else depends on this object as it is now.",
            "Open the object on the platform to see what uses it, release that first, then plan again.",
        ),
        Kind.REFERENCE_MISSING: (
            "The restored content points at something that the platform does not find any more: {name}.",
            "The restored content points at something that the platform does not find any more.",
            (
                "Choose a version that does not use it, restore only the other values, or make it anew on the platform "
                "first."
            ),
        ),
        Kind.PERMISSION_MISSING: (
            "The console's OAuth client lacks the permission {name}.",
            (
                "The console's OAuth client may not write this object, and the platform does not say which permission "
                "it lacks."
            ),
            "Add it to a role of the OAuth client on the platform, run `manage.py tenant check`, then plan again.",
        ),
        Kind.DIVISION_MISSING: (
            "The console's OAuth client holds no role for {name} in the division of this object.",
            "The console's OAuth client holds no role in the division of this object.",
            "Grant its role in that division on the platform, run `manage.py tenant check`, then plan again.",
        ),
        Kind.UNKNOWN_PROPERTY: (
            "The platform does not know the property {name} in this type of object.",
            "The platform does not know a property of the body in this type of object.",
            (
                "The catalogue's rules for this type are behind the platform: take the property out of `writable` in "
                "the operator's own catalogue file, or restore only other values."
            ),
        ),
        Kind.TOO_LARGE: (
            "The platform refused the body because it is too large.",
            "The platform refused the body because it is too large.",
            "Restore only some of the values, or make the change on the platform itself.",
        ),
        Kind.OBJECT_MISSING: (
            "The platform says that the object does not exist.",
            "The platform says that the object does not exist.",
            (
                "See on the platform whether somebody deleted it; a rollback cannot make it again, but every version "
                "of it can be downloaded here."
            ),
        ),
        Kind.LOCKED: (
            "The object is locked by {name}.",
            "The object is locked, and the platform does not say by whom.",
            (
                "The console waits and sends the same bytes again while live has not moved; whoever holds it can let "
                "the rollback through: save and close it, or stop it."
            ),
        ),
        Kind.LOST_RACE: (
            "The platform answered that live is not the state any more that this plan was made on.",
            "The platform answered that live is not the state any more that this plan was made on.",
            "Look at what live is now and plan again if it is not what you want.",
        ),
        Kind.UNAUTHORIZED: (
            "The platform did not accept the token of the console's OAuth client, nor a new one.",
            "The platform did not accept the token of the console's OAuth client, nor a new one.",
            "Check on the platform that the OAuth client is active and its secret is the tenant's, then plan again.",
        ),
        Kind.RATE_LIMITED: (
            "The platform takes no more requests for the moment.",
            "The platform takes no more requests for the moment.",
            "The console waits for as long as the platform asks for and sends the same bytes again.",
        ),
        Kind.OTHERWISE: (
            "The platform refused the write for good.",
            "The platform refused the write for good.",
            "Its own words stand beside the request on the rollback's page; change what they name, then plan again.",
        ),
        Kind.UNCLEAR: (
            "The platform gave no clear answer.",
            "The platform gave no clear answer.",
            "There is nothing to do but wait; do not change the object by hand meanwhile.",
        ),
    }
)

TITLES: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.BAD_TRANSITION: "a status that cannot change this way",
        Kind.IMMUTABLE: "something that never changes",
        Kind.DEPENDENCY: "something depends on it",
        Kind.REFERENCE_MISSING: "points at something that is gone",
        Kind.PERMISSION_MISSING: "a missing permission",
        Kind.DIVISION_MISSING: "a missing division",
        Kind.UNKNOWN_PROPERTY: "an unknown property",
        Kind.TOO_LARGE: "too large",
        Kind.OBJECT_MISSING: "the object does not exist",
        Kind.LOCKED: "locked",
        Kind.LOST_RACE: "live had moved",
        Kind.UNAUTHORIZED: "the token was not accepted",
        Kind.RATE_LIMITED: "too many requests",
        Kind.OTHERWISE: "refused for good",
        Kind.UNCLEAR: "no clear answer",
    }
)
"""Each kind in a few words, for a line of a list."""

_SAY_NOTHING: Final = frozenset({Kind.UNCLEAR, Kind.OTHERWISE, Kind.LOST_RACE})


@dataclass(frozen=True, slots=True)
class Told:
    """One no of the platform, ready to be said."""

    kind: Kind
    name: str
    """The permission, property, dependency or person in it; empty where none is told."""
    settled: bool
    """Whether it proves that nothing was written."""

    @property
    def sentences(self) -> str:
        """What happened, what was not done and what to do next."""
        named, unnamed, then = _WORDS[self.kind]
        happened = named.format(name=self.name) if self.name else unnamed
        return f"{happened} {_NOTHING_CHANGED if self.settled else _NOT_PROVEN} {then}"

    @property
    def title(self) -> str:
        """The kind in a few words, with its name."""
        return f"{TITLES[self.kind]}: {self.name}" if self.name else TITLES[self.kind]

    @property
    def tells_more(self) -> bool:
        """Whether it says more than that nothing is known."""
        return self.kind not in _SAY_NOTHING

    def to_json(self) -> dict[str, str]:
        """Give the shape of CONTRACT.md's `refusal`."""
        return {"kind": self.kind, "name": self.name}


def waiting_sentence(*, seconds: float, sent: int, left: int) -> str:
    """Say how long a lock or a limit is waited for."""
    if left <= 0:
        return f"The same bytes were sent {sent} times, which is the most; they are not sent again."
    times = "once more" if left == 1 else f"at most {left} more times"
    return f"The same bytes are sent again in {max(1, round(seconds))} s if live has not moved, {times}."
