"""Requests and answers as values, and the shapes that the platform gives its errors and lists (PLATFORM.md)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from console.practice.raw_json import dump, join_members

if TYPE_CHECKING:
    from console.practice.state import Client, Organization, Person

JSON = "application/json; charset=utf-8"
LARGEST_PAGE = 100
LOCKED = "The requested resource is currently locked or in a state that prevents the requested action."


@dataclass
class Request:
    """One request as it came; the fields after `correlation_id` are filled while it is being worked on."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    remote: str
    correlation_id: str
    client: "Client | None" = None
    organization: "Organization | None" = None
    stale_for: float | None = None  # a fault: answer as of that many seconds ago; infinity: the version before
    person: "Person | None" = None  # somebody elsewhere, who has every permission
    weak_etag: bool = False  # a fault: the answer's ETag is weak

    def header(self, name: str) -> str | None:
        """Return a header's value whatever the spelling of its name."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), None)


@dataclass
class Answer:
    """One answer; `cut` tells the server to break the connection instead of, or while, sending it."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON
    cut: Literal["", "reset", "half"] = ""


class Refusal(Exception):
    """A request is refused: the status, the dotted code and the message of the error body."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what the error body shows; `params` are the values that stand in the message."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.params = dict(params or {})
        self.headers = dict(headers or {})

    def answer(self, correlation_id: str) -> Answer:
        """Return the refusal in the platform's error shape."""
        template = self.message
        for name, value in self.params.items():
            template = template.replace(value, "{" + name + "}") if value else template
        body = {
            "message": self.message,
            "code": self.code,
            "status": self.status,
            "contextId": correlation_id,
            "details": [],
            "errors": [],
            "messageWithParams": template,
            "messageParams": self.params,
        }
        return Answer(self.status, dump(body), dict(self.headers))


def not_found(what: str) -> Refusal:
    """Return the refusal for something that is not there."""
    return Refusal(
        HTTPStatus.NOT_FOUND,
        "not.found",
        f"The requested resource was not found: {what}",
        params={"resource": what},
    )


def ok(value: object, **headers: str) -> Answer:
    """Return a 200 with a JSON body."""
    return Answer(HTTPStatus.OK, dump(value), dict(headers))


def _positive(query: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "bad.request",
            f"The value [{text}] of parameter [{name}] is not a whole number from 1 to {most}.",
            params={"value": text, "parameter": name},
        )
    return int(text)


def page(request: Request, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """Return one page of `items` and the members of a paged answer that stand beside `entities`."""
    number = _positive(request.query, "pageNumber", 1, most=10**9 - 1)
    size = _positive(request.query, "pageSize", 25, most=LARGEST_PAGE)
    count = max(1, math.ceil(len(items) / size))
    rest = {key: value for key, value in request.query.items() if key not in {"pageNumber", "pageSize"}}

    def uri(page_number: int) -> str:
        return f"{request.path}?{urlencode({**rest, 'pageNumber': page_number, 'pageSize': size})}"

    members: dict[str, Any] = {
        "pageSize": size,
        "pageNumber": number,
        "total": len(items),
        "pageCount": count,
        "firstUri": uri(1),
        "lastUri": uri(count),
        "selfUri": uri(number),
    }
    if number < count:
        members["nextUri"] = uri(number + 1)
    if number > 1:
        members["previousUri"] = uri(min(number - 1, count))
    return items[(number - 1) * size : number * size], members


def cursor_page(request: Request, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """Return the items behind the cursor `after`, and the uris that stand beside `entities`."""
    size = _positive(request.query, "pageSize", 300, most=300)
    after = request.query.get("after", "")
    start = 0
    if after:
        if not (after.startswith("c") and after[1:].isdigit() and len(after) <= 9):
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "bad.request",
                f"The cursor [{after}] is not one that was given out.",
                params={"after": after},
            )
        start = int(after[1:])
    rest = {key: value for key, value in request.query.items() if key not in {"after", "before", "pageSize"}}

    def uri(position: int) -> str:
        cursor = {"after": f"c{position}"} if position else {}
        return f"{request.path}?{urlencode({**rest, **cursor, 'pageSize': size})}"

    members: dict[str, Any] = {"selfUri": uri(start)}
    if start + size < len(items):
        members["nextUri"] = uri(start + size)
    if start:
        members["previousUri"] = uri(max(0, start - size))
    return items[start : start + size], members


def counted_cursor_page(request: Request, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """Return what `cursor_page` does, and the total, which few services tell."""
    chosen, members = cursor_page(request, items)
    return chosen, {**members, "total": len(items)}


def cursor_listing(request: Request, shown: Sequence[Mapping[str, bytes]], *, counted: bool = False) -> Answer:
    """Return a page behind a cursor whose entities are given as members of JSON bytes."""
    chosen, members = (counted_cursor_page if counted else cursor_page)(request, shown)
    entities = b"[" + b",".join(join_members(one) for one in chosen) + b"]"
    return Answer(
        HTTPStatus.OK, join_members({"entities": entities, **{key: dump(one) for key, one in members.items()}})
    )
