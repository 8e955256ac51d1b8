"""What all families of objects share: reading, paging, permissions, and the frame of a PUT.

A family says in its own module which members its objects have and how a write is guarded (PLATFORM.md, "Two
families of resource").
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import ClassVar

from console.practice.answers import Answer, Refusal, Request, cursor_page, not_found, page
from console.practice.raw_json import MalformedJson, dump, join_members, load, split_members
from console.practice.state import Organization, Person, Revision, StoredObject, timestamp
from console.practice.store import Store

_ETAG = re.compile(r'(W/)?"[^"]*"')


@dataclass(frozen=True)
class Mount:
    """A path under which a family answers, and the permissions that it asks for there.

    Of several with spaces between them one is enough; of none every token is.
    """

    path: str
    read: str
    write: str


class Resource:
    """One family of objects."""

    family: ClassVar[str]
    label: ClassVar[str]  # the object's name in error messages
    mounts: ClassVar[tuple[Mount, ...]]
    tail: ClassVar[str] = ""  # what stands behind the id in an object's path
    writable: ClassVar[Mapping[str, bytes]]  # member to the value that it has after a PUT that left it out
    server_managed: ClassVar[frozenset[str]] = frozenset()  # ignored in a body
    required: ClassVar[tuple[str, ...]] = ()
    not_listed: ClassVar[frozenset[str]] = frozenset()  # members too big for a list
    verbatim: ClassVar[frozenset[str]] = frozenset()  # members kept with the white space around them
    history: ClassVar[bool] = False
    update: ClassVar[str] = "PUT"  # or PATCH, which leaves alone what it does not name
    by_cursor: ClassVar[bool] = False  # lists go on behind a cursor, not by numbered pages
    listed_by: ClassVar[str | None] = None  # a query parameter that a list cannot do without

    def __init__(self, store: Store) -> None:
        """Work on the objects of `store`."""
        self.store = store

    # What a family decides for itself.

    def etag(self, organization: Organization, stored: StoredObject, revision: Revision) -> str | None:  # noqa: ARG002
        """Return the strong ETag of a revision, or None where the family has none."""
        return None

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the members of an answer, in order, as JSON bytes."""
        raise NotImplementedError

    def guard(
        self, request: Request, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]
    ) -> None:
        """Raise `Refusal` when the state that the writer saw is not live any more."""

    def next_version(self, stored: StoredObject) -> int:
        """Return the version number of the next revision."""
        return stored.live.version + 1

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:
        """Raise `Refusal` when a member has a value that the family does not take."""

    def is_version(self, key: str) -> bool:
        """Tell whether `key` is the body's version number, which guards a write and is no part of the content."""
        return key == "version"

    def belongs(self, stored: StoredObject, wanted: str) -> bool:  # noqa: ARG002
        """Tell whether an object is in the list that `listed_by` asks for."""
        return True

    # What all families share.

    def answer(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        """Answer a request below one of the family's paths."""
        rest = [part for part in request.path.removeprefix(mount.path).split("/") if part]
        if not rest:
            _allow(request, "GET")
            require(organization, mount.read)
            return self._list(request, organization, mount)
        stored = organization.objects.get((self.family, rest[0]))
        if len(rest) > 1 and not (self.history and rest[1] == "versions" and len(rest) <= 3):
            raise not_found(request.path)
        _allow(request, *(("GET", self.update) if len(rest) == 1 else ("GET",)))
        require(organization, mount.read if request.method == "GET" else mount.write)
        if stored is None or stored.deleted:
            raise not_found(request.path)
        if len(rest) > 1:
            return self.answer_history(request, stored, rest[2:], mount)
        if request.method == self.update:
            return self.write(request, organization, stored)
        return self._get(request, organization, stored)

    def answer_history(self, request: Request, stored: StoredObject, rest: list[str], mount: Mount) -> Answer:
        """Answer a request for the list of versions or for one of them."""
        raise NotImplementedError

    def _list(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        found = organization.of_family(self.family)
        if self.listed_by is not None:
            wanted = request.query.get(self.listed_by)
            if not wanted:
                raise Refusal(
                    HTTPStatus.BAD_REQUEST,
                    "missing.required.parameter",
                    f"The parameter [{self.listed_by}] is required.",
                    params={"parameter": self.listed_by},
                )
            found = [one for one in found if self.belongs(one, wanted)]
        chosen, members = cursor_page(request, found) if self.by_cursor else page(request, found)
        entities = []
        for stored in chosen:
            revision = stored.seen(request.stale_for)
            served = self.served(stored, revision, f"{mount.path}/{stored.id}")
            entities.append(join_members({k: v for k, v in served.items() if k not in self.not_listed}))
        body = {
            "entities": b"[" + b",".join(entities) + b"]",
            **{key: dump(value) for key, value in members.items()},
        }
        return Answer(HTTPStatus.OK, join_members(body))

    def _get(self, request: Request, organization: Organization, stored: StoredObject) -> Answer:
        revision = stored.seen(request.stale_for)
        headers = self._headers(request, organization, stored, revision)
        known = request.header("If-None-Match")
        if known is not None and "ETag" in headers and _weakly_in(headers["ETag"], known):
            return Answer(HTTPStatus.NOT_MODIFIED, headers=headers)
        return Answer(HTTPStatus.OK, join_members(self.served(stored, revision, request.path)), headers)

    def _headers(
        self, request: Request, organization: Organization, stored: StoredObject, revision: Revision
    ) -> dict[str, str]:
        etag = self.etag(organization, stored, revision)
        if etag is None:
            return {}
        return {"ETag": "W/" + etag if request.weak_etag else etag}

    def write(self, request: Request, organization: Organization, stored: StoredObject) -> Answer:
        """Answer the PUT or PATCH of an object."""
        try:
            members = split_members(request.body)
        except MalformedJson as error:
            raise Refusal(
                HTTPStatus.BAD_REQUEST, "bad.request", f"The request body cannot be read: {error}."
            ) from error
        if self.update == "PATCH":
            members = {**stored.live.members, **members}
        self._check_keys(organization, stored, members)
        self.check(organization, stored, members)
        try:
            self.guard(request, organization, stored, members)
        except Refusal:
            if self._already_so(organization, stored, members):
                return self._get_live(request, organization, stored)
            raise
        client = organization.client
        revision = Revision(
            version=self.next_version(stored),
            members=self.contents(members),
            at=self.moment(stored),
            by=Person(client.id, client.name),
            app=client.id,
            remote=request.remote,
        )
        self.commit(
            organization,
            stored,
            revision,
            if_match=request.header("If-Match"),
            sha256=hashlib.sha256(request.body).hexdigest(),
            correlation_id=request.correlation_id,
            path=request.path,
        )
        return self._get_live(request, organization, stored)

    def _get_live(self, request: Request, organization: Organization, stored: StoredObject) -> Answer:
        headers = self._headers(request, organization, stored, stored.live)
        return Answer(HTTPStatus.OK, join_members(self.served(stored, stored.live, request.path)), headers)

    def commit(
        self,
        organization: Organization,
        stored: StoredObject,
        revision: Revision,
        *,
        if_match: str | None,
        sha256: str,
        correlation_id: str,
        path: str,
    ) -> None:
        """Make a revision live and log the write."""
        write = {
            "if_match": if_match,
            "etag": self.etag(organization, stored, revision),
            "sha256": sha256,
            "correlation_id": correlation_id,
            "path": path,
        }
        self.store.commit(organization, stored, revision, write=write)

    def contents(self, members: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return every writable member, from the body or reset."""
        kept: dict[str, bytes] = {}
        for key, reset in self.writable.items():
            value = members.get(key, reset)
            kept[key] = value if key in self.verbatim else value.strip()
        return kept

    def moment(self, stored: StoredObject) -> datetime:
        """Return the time of a write; never before the revision that it follows."""
        return max(datetime.now(UTC), stored.live.at)

    def _check_keys(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:
        for key in members:
            known = key in self.writable or key in self.server_managed or key == "id" or self.is_version(key)
            if not known and organization.switches.unknown_keys == "refuse":
                raise Refusal(
                    HTTPStatus.BAD_REQUEST,
                    "invalid.property",
                    f"Value [{key}] is not a valid property for object [{self.label}]",
                    params={"value": key, "object": self.label},
                )
        if "id" in members and load(members["id"]) != stored.id:
            raise bad_value("id", members["id"], f"the id in the path, [{stored.id}]")
        for key in self.required:
            if load(members.get(key, b"null")) in (None, ""):
                raise Refusal(
                    HTTPStatus.BAD_REQUEST,
                    "missing.required.property",
                    f"The property [{key}] is required for object [{self.label}].",
                    params={"property": key, "object": self.label},
                )

    def _already_so(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> bool:
        return (
            organization.switches.equal_write_succeeds
            and whole_number(members.get("version")) == stored.live.version
            and self.contents(members) == stored.live.members
        )


def require(organization: Organization, *permissions: str) -> None:
    """Raise the platform's 403 unless the organization's client has one of `permissions`, as in a `Mount`."""
    enough = {one for text in permissions for one in text.split()}
    if enough and not organization.client.permissions & enough:
        names = ", ".join(sorted(enough))
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "missing.any.permissions",
            "Unable to perform the requested action. You must have at least one of the following permissions "
            f"assigned: [{names}]",
            params={"permissions": names},
        )


def bad_value(key: str, value: bytes, wanted: str) -> Refusal:
    """Return the refusal of a member whose value is not what the platform takes."""
    shown = value.strip().decode("utf-8", "replace")
    shown = shown if len(shown) <= 80 else shown[:80] + "…"
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        "invalid.value",
        f"The value {shown} of property [{key}] must be {wanted}.",
        params={"value": shown, "property": key},
    )


def whole_number(raw: bytes | None) -> int | None:
    """Return the whole number that a member holds, or None."""
    text = (raw or b"").strip()
    return int(text) if re.fullmatch(rb"-?\d{1,18}", text) else None


def strongly_in(etag: str, if_match: str) -> bool:
    """Tell whether `If-Match` names this ETag by strong comparison (RFC 9110 section 13.1.1); `*` does not."""
    return any(one.group() == etag for one in _ETAG.finditer(if_match))


def _weakly_in(etag: str, if_none_match: str) -> bool:
    bare = etag.removeprefix("W/")
    return if_none_match.strip() == "*" or any(
        one.group().removeprefix("W/") == bare for one in _ETAG.finditer(if_none_match)
    )


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise method_not_allowed(request, *methods)


def method_not_allowed(request: Request, *methods: str) -> Refusal:
    """Return the 405 that names what is allowed."""
    return Refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method.not.allowed",
        f"The method {request.method} is not allowed for {request.path}.",
        params={"method": request.method},
        headers={"Allow": ", ".join(methods)},
    )


def managed(revision: Revision) -> dict[str, bytes]:
    """Return the server-managed members that say when and by whom a revision was made."""
    return {
        "dateModified": dump(timestamp(revision.at)),
        "modifiedBy": dump(revision.by.as_json()),
        "modifiedByApp": dump(revision.app),
    }
