"""What the platform shows of a secret is kept, and shown to nobody: words stand in its place.

A type names its secrets in the catalogue. They stay in the kept bytes, which are evidence, and leave the console
nowhere: not on a page, in a download, in JSON, on a terminal or in the trail. That one was changed is still said.
"""

from collections.abc import Mapping
from typing import Final

from tenants.documents import Value, join, replace, root_members, same
from tenants.resource_types.definition import ResourceType

HIDDEN: Final = "a secret, not shown"
ANOTHER: Final = "a secret, not shown: another one than on the other side"


def hidden(
    rtype: ResourceType, value: Mapping[str, Value], *, beside: Mapping[str, Value] | None = None
) -> dict[str, Value]:
    """Give an object with words in place of its secrets; `beside` is what it is compared with, to say that one differs.

    What is null or absent stays so.
    """
    return {
        key: _words(member, None if beside is None else beside.get(key)) if key in rtype.secret else member
        for key, member in value.items()
    }


def hidden_pair(
    rtype: ResourceType, before: Mapping[str, Value], after: Mapping[str, Value]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """Give two states of an object with words in place of their secrets: the later side says that one was changed."""
    return hidden(rtype, before), hidden(rtype, after, beside=before)


def hidden_bytes(rtype: ResourceType, raw: bytes) -> bytes:
    """Give an object's bytes with words in place of its secrets, every other byte as it was.

    Raises `InvalidDocument` where the type has secrets and the bytes are no object in which they could be found.
    """
    if not rtype.secret:
        return raw
    members = root_members(raw)
    for key in rtype.secret:
        if members.get(key, b"null") != b"null":
            raw = replace(raw, join([key]), f'"{HIDDEN}"'.encode())
    return raw


def _words(member: Value, beside: Value) -> Value:
    if member is None:
        return None
    return HIDDEN if beside is None or same(member, beside) else ANOTHER
