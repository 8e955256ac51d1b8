"""The pages of a list, by the way in which it is walked (PLATFORM.md, "Paging").

numbered    ?pageNumber=1&pageSize=100    `nextUri` while there is one; where a service leaves it out, by counting
cursor      ?pageSize=100                 `nextUri`, which alone knows the cursor
unpaged                                   one page
scim        ?startIndex=1&count=100       `Resources`, counted up to `totalResults` (RFC 7644 section 3.4.2.4)

How a page says that the list goes on is read here; where it leads is checked in `addresses`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tenants.documents import InvalidDocument, Value, list_items, load, root_members
from tenants.resource_types.definition import Paging

_PAGE_SIZE: Final = 100
FIRST_PAGE: Final[Mapping[Paging, Mapping[str, int]]] = MappingProxyType(
    {
        Paging.NUMBERED: {"pageNumber": 1, "pageSize": _PAGE_SIZE},
        Paging.CURSOR: {"pageSize": _PAGE_SIZE},
        Paging.UNPAGED: {},
        Paging.SCIM: {"startIndex": 1, "count": _PAGE_SIZE},
    }
)
"""What is asked for first; a way that is not here is no way to walk a list."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its entities as the exact bytes they came in, and how it says that the list goes on."""

    entities: tuple[bytes, ...]
    next_uri: str | None
    number: int | None
    count: int | None

    def counted(self, paging: Paging) -> dict[str, int] | None:
        """Give the parameters of the next page where only counting finds it; None where the list ends here."""
        if not self.entities or self.number is None or self.count is None:
            return None
        if paging is Paging.NUMBERED and self.number < self.count:
            return {"pageNumber": self.number + 1}
        if paging is Paging.SCIM and self.number + len(self.entities) <= self.count:
            return {"startIndex": self.number + len(self.entities)}
        return None


def page_of(raw: bytes, paging: Paging = Paging.NUMBERED) -> Page:
    """Give the page in an answer's body; raise `InvalidDocument` where it is none."""
    members = root_members(raw)
    if paging is Paging.SCIM:
        if "Resources" not in members and _whole(members.get("totalResults")) != 0:
            reason = "it has no list of Resources"
            raise InvalidDocument(reason)
        return Page(
            entities=tuple(list_items(members.get("Resources", b"[]"))),
            next_uri=None,
            number=_whole(members.get("startIndex")),
            count=_whole(members.get("totalResults")),
        )
    if "entities" not in members:
        reason = "it has no list of entities"
        raise InvalidDocument(reason)
    return Page(
        entities=tuple(list_items(members["entities"])),
        next_uri=_text(members.get("nextUri")),
        number=_whole(members.get("pageNumber")),
        count=_whole(members.get("pageCount")),
    )


def _value(raw: bytes | None) -> Value:
    return None if raw is None else load(raw)


def _text(raw: bytes | None) -> str | None:
    value = _value(raw)
    return value if isinstance(value, str) and value else None


def _whole(raw: bytes | None) -> int | None:
    value = _value(raw)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
