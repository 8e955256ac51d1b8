"""The pages of a numbered list (PLATFORM.md, "Paging")."""

from dataclasses import dataclass

from tenants.documents import InvalidDocument, Value, list_items, load, root_members


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its entities as the exact bytes they came in, and how it says that the list goes on."""

    entities: tuple[bytes, ...]
    next_uri: str | None
    number: int | None
    count: int | None


def page_of(raw: bytes) -> Page:
    """Give the page in an answer's body; raise `InvalidDocument` where it is none."""
    members = root_members(raw)
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
