"""What kind of no an answer is, and the one name that stands in it: a permission, a property, a person.

Told by words and codes alone, whatever the type: what a kind *proves* is another question, which the status answers
(`refusals`). A 409 about a dependency names the dependency and still proves nothing (PLATFORM.md, "Writing").
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Why the platform said no, as far as its answer tells."""

    BAD_TRANSITION = "bad_transition"
    """A status cannot be set to another one this way; the name says from what to what."""
    IMMUTABLE = "immutable"
    """A member never changes after the object was made; the name says which."""
    DEPENDENCY = "dependency"
    """Something else depends on what the write would change; the name says what, where the platform does."""
    REFERENCE_MISSING = "reference_not_found"
    """The body points at something that is not there any more; the name says at what."""
    PERMISSION_MISSING = "missing_permission"
    """The OAuth client lacks a permission; the name is the permission."""
    DIVISION_MISSING = "missing_division"
    """The OAuth client has no grant in the object's division; the name is the permission or the division."""
    UNKNOWN_PROPERTY = "unknown_property"
    """The body has a member that the platform does not know; the name is the member."""
    TOO_LARGE = "too_large"
    """The body is larger than the platform takes."""
    OBJECT_MISSING = "object_missing"
    """The object itself is not there."""
    LOCKED = "locked"
    """The object is held for a while; the name says by whom, where the platform does."""
    LOST_RACE = "lost_race"
    """The guard did not hold."""
    UNAUTHORIZED = "unauthorized"
    """The token was not accepted."""
    RATE_LIMITED = "rate_limited"
    """Too many requests."""
    OTHERWISE = "otherwise"
    """A refusal for good whose words say nothing that is known here."""
    UNCLEAR = "unclear"
    """An answer that is no refusal for good and says nothing that is known here."""


_LONGEST_NAME: Final = 200
_PERMISSION: Final = re.compile(r"(?<![\w:/-])[A-Za-z][\w-]*(?::[\w*-]+){1,2}(?![\w:/-])")
_PROPERTY: Final = re.compile(
    r"Value \[(?P<value>[^\]]{1,200})\] is not a valid property"
    r"|un(?:recognized|known) (?:field|property)\W{1,3}(?P<field>[\w.-]{1,200})",
    re.IGNORECASE,
)
_TRANSITION: Final = re.compile(r"transition from\s+\W?(\w{1,80})\W?\s+to\s+\W?(\w{1,80})", re.IGNORECASE)
_IMMUTABLE_CODE: Final = re.compile(
    r"(?:^|\.)(?:cannot|can\.not|not)\.(?:be\.)?(?:update|updated|change|changed|modify|modified)\.(?P<what>[\w.]+)$"
    r"|(?:^|\.)(?P<before>[\w]+)\.(?:is\.)?(?:immutable|read\.?only|not\.editable|cannot\.be\.(?:changed|updated|modified))"
)
_IMMUTABLE_WORDS: Final = re.compile(
    r"(?:[\[“\"'](?P<what>[\w. -]{1,80})[\]”\"']\s+)?"
    r"(?:is immutable|(?:cannot|can not|can't|may not|must not) be (?:changed|updated|modified|edited)|is read-?only)",
    re.IGNORECASE,
)
_DEPENDENCY_CODE: Final = re.compile(r"dependen(?:cy|t|cies)|(?:^|\.)in\.use(?:$|\.)|\.used\.by|still\.referenced")
_DEPENDENCY_WORDS: Final = re.compile(
    r"dependent (?:entit|object)|depend(?:s|encies)? (?:on|upon)|\b(?:is|are|being) (?:still )?(?:in use|referenced)"
    r"|\b(?:used|referenced) by\b",
    re.IGNORECASE,
)
_REFERENCE_CODE: Final = re.compile(r"^(?P<what>.+?)\.(?:not\.found|does\.not\.exist|not\.exist|deleted)$")
_HOLDER: Final = re.compile(
    r"locked by (?:the )?(?:user|client)?\s*[\[“\"'(]?\s*(?P<who>[^\[\]“”\"'().;:,]{2,120})", re.IGNORECASE
)
_DIVISION: Final = re.compile(r"\bdivisions?\b", re.IGNORECASE)


def kind_of_refusal(*, status: int, code: str, message: str, params: Mapping[str, str]) -> tuple[Kind, str]:
    """Give the kind of a refusal and its name; `OTHERWISE` and no name where neither code nor words tell.

    `params` are the answer's own `messageParams` and the names that its details give.
    """
    told = f"{code}\n{message}"
    if status == 403 or code.startswith("missing."):
        named = permission_in(params.get("permissions", ""), message)
        if _DIVISION.search(told.replace(".", " ")):
            return Kind.DIVISION_MISSING, _short(named or _first(params, "division", "divisionName", "divisionId"))
        if named or status == 403:
            return Kind.PERMISSION_MISSING, _short(named)
    found = _PROPERTY.search(message)
    if found or code == "invalid.property":
        spelled = (found["value"] or found["field"]) if found else _first(params, "value", "property", "field")
        return Kind.UNKNOWN_PROPERTY, _short(spelled)
    if status == 413 or "too.large" in code or "entity too large" in message.casefold():
        return Kind.TOO_LARGE, ""
    moved = _TRANSITION.search(message)
    if moved or "transition" in code:
        between = f"{moved[1]} to {moved[2]}" if moved else _transition_in(params)
        return Kind.BAD_TRANSITION, _short(between)
    return _kind_by_the_object(status=status, code=code, message=message, params=params)


def _kind_by_the_object(*, status: int, code: str, message: str, params: Mapping[str, str]) -> tuple[Kind, str]:
    if _DEPENDENCY_CODE.search(code) or _DEPENDENCY_WORDS.search(message):
        return Kind.DEPENDENCY, _short(_first(params, "entityName", "dependency", "name", "entityId"))
    if status in (404, 410):
        return Kind.OBJECT_MISSING, ""
    gone = _REFERENCE_CODE.match(code)
    if gone or code == "not.found":
        what = gone["what"].replace(".", " ") if gone else ""
        which = _first(
            params, "id", "entityId", "name", "entityName", *([gone["what"].rpartition(".")[2]] if gone else [])
        )
        return Kind.REFERENCE_MISSING, _short(" ".join(part for part in (what, which) if part))
    fixed, said = _IMMUTABLE_CODE.search(code), _IMMUTABLE_WORDS.search(message)
    if fixed or said:
        by_code = (fixed["what"] or fixed["before"]).replace(".", " ") if fixed else ""
        return Kind.IMMUTABLE, _short(
            by_code or (said["what"] or "" if said else "") or _first(params, "property", "field")
        )
    return Kind.OTHERWISE, ""


def holder_in(code: str, message: str, params: Mapping[str, str]) -> str:
    """Give who or what holds a lock, as the platform says it; empty where it does not."""
    if code.endswith(".campaign.active"):
        return "the campaign itself, which is running"
    found = _HOLDER.search(message)
    return _short(
        _first(params, "user", "userName", "lockedBy", "lockedUser", "client") or (found["who"] if found else "")
    )


def permission_in(*texts: str) -> str:
    """Give the permissions that stand in these texts, the first text that has one, joined by " or "."""
    for text in texts:
        found = list(dict.fromkeys(_PERMISSION.findall(text)))
        if found:
            return " or ".join(found)
    return ""


def _transition_in(params: Mapping[str, str]) -> str:
    ends = _first(params, "from", "fromStatus", "current"), _first(params, "to", "toStatus", "requested")
    return " to ".join(ends) if all(ends) else ""


def _first(params: Mapping[str, str], *names: str) -> str:
    return next((params[name] for name in names if params.get(name)), "")


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
