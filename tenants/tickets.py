r"""What a tenant's tickets look like, and where they lead.

A pattern is typed by a person and then runs on what other people type, so it is held to a small part of regular
expressions, in which no input makes matching long (the "catastrophic backtracking" of nested quantifiers):

- letters, digits and `-_#/:` stand for themselves, `.` for any character, `\d`, `\w` and `\` before a sign as usual;
- `[A-Z0-9]` is one of these characters; `(CHG|INC)` is one of these, without another group in it;
- `?`, `*`, `+`, `{n}` and `{n,m}` follow one character or class, never a group;
- a pattern has at most 100 characters, 2 quantifiers that vary (not `{n}`) and 3 groups with 10 alternatives together.

It has to match the whole ticket, which has at most 100 characters: 5,151 ways for two quantifiers to share them, at
most 36 ways through the groups, so a match ends after fewer than 200,000 steps whatever is typed.
"""

import re
from typing import Final
from urllib.parse import quote, urlsplit

from django.core.exceptions import ValidationError

LONGEST_PATTERN: Final = 100
LONGEST_TICKET: Final = 100
MOST_VARYING: Final = 2
MOST_GROUPS: Final = 3
MOST_ALTERNATIVES: Final = 10
LARGEST_COUNT: Final = 100
PLACE: Final = "{ticket}"

_SIGN: Final = r"\\[dw.\-+*?()\[\]{}|^$\\#]"
_IN_CLASS: Final = "[A-Za-z0-9_#/:. ]"
_TOKEN: Final = re.compile(
    r"(?P<open>\((?!\?))|(?P<close>\))|(?P<other>\|)"
    rf"|(?:\[(?:{_IN_CLASS}-{_IN_CLASS}|{_IN_CLASS}|{_SIGN})+-?\]|[A-Za-z0-9_#/:. \-]|{_SIGN})"
    r"(?P<varies>[?*+])?(?P<count>\{(?P<low>\d{1,3})(?:,(?P<high>\d{1,3}))?\})?"
)


def check_pattern(pattern: str) -> None:
    """Return where a pattern is in the safe part of regular expressions; raise ValidationError if not."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValidationError(f"A pattern has at most {LONGEST_PATTERN} characters; this one has {len(pattern)}.")
    at = varying = groups = alternatives = 0
    inside = False
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None or (token["open"] and inside) or ((token["close"] or token["other"]) and not inside):
            raise ValidationError(
                f"{pattern} cannot be used: at character {at + 1} it leaves the part of regular expressions that "
                "cannot take long. Write characters, classes as in [A-Z], groups as in (CHG|INC), and counts as in {7}."
            )
        inside = bool(token["open"]) or (inside and not token["close"])
        groups += bool(token["open"])
        alternatives += bool(token["open"] or token["other"])
        varying += _varies(token)
        at = token.end()
    for many, most, what in (
        (varying, MOST_VARYING, "quantifiers that vary (?, *, +, {n,m})"),
        (groups, MOST_GROUPS, "groups"),
        (alternatives, MOST_ALTERNATIVES, "alternatives"),
    ):
        if many > most:
            raise ValidationError(f"A pattern has at most {most} {what}; this one has {many}.")
    try:
        re.compile(pattern, re.ASCII)
    except re.error as error:
        raise ValidationError(f"{pattern} is no regular expression: {error}.") from error


def _varies(token: "re.Match[str]") -> bool:
    """Say whether a character or class may stand a varying number of times; raise for a count out of bounds."""
    low, high = int(token["low"] or 0), int(token["high"] or token["low"] or 0)
    if (token["varies"] and token["count"]) or not low <= high <= LARGEST_COUNT:
        raise ValidationError(f"A count is at most {LARGEST_COUNT}, the larger one last: {token[0]} is none.")
    return bool(token["varies"] or token["high"])


def check_address(address: str) -> None:
    """Return where an address leads to a ticket: http or https, `{ticket}` once behind the host; raise otherwise."""
    try:
        parts = urlsplit(address)
        named = parts.hostname
    except ValueError as error:
        raise ValidationError(f"{address} is no address of a page.") from error
    if parts.scheme not in {"http", "https"} or not named or parts.username or not address.isascii():
        raise ValidationError(
            f"{address} is no address of a page. Write one such as https://jira.example.com/browse/{PLACE}."
        )
    if any(letter.isspace() or ord(letter) < 33 for letter in address) or PLACE in parts.netloc:
        raise ValidationError(f"{address} holds a space, or the ticket in the name of the host.")
    if address.count(PLACE) != 1:
        raise ValidationError(f"{address} must hold {PLACE} once, where the ticket is to stand.")


def matches(pattern: str, ticket: str) -> bool:
    """Say whether a ticket is one of the tenant's, whole; every ticket is where there is no pattern."""
    return not pattern or (len(ticket) <= LONGEST_TICKET and re.fullmatch(pattern, ticket, re.ASCII) is not None)


def link_to(address: str, ticket: str) -> str:
    """Give the page of a ticket; empty where none is known. Nothing of the ticket is read as a part of the address."""
    return address.replace(PLACE, quote(ticket, safe="")) if address and ticket and ticket not in {".", ".."} else ""
