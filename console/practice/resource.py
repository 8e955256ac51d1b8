"""What all families of objects share: reading, paging, permissions, and the frame of a PUT.

A family says in its own module which members its objects have and how a write is guarded (PLATFORM.md, "Two
families of resource").
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, ClassVar

from console.practice.answers import Answer, Refusal, Request, counted_cursor_page, cursor_page, not_found, page
from console.practice.permitting import division_of, require, require_in_division, sees
from console.practice.raw_json import MalformedJson, dump, join_members, load, split_members
from console.practice.state import Organization, Person, Revision, StoredObject, timestamp
from console.practice.store import Store

_Page = tuple[Sequence[Any], dict[str, Any]]
_PAGES: dict[str, Callable[[Request, Sequence[Any]], _Page]] = {
    "numbered": page,
    "cursor": cursor_page,
    "counted cursor": counted_cursor_page,
    "unpaged": lambda _, items: (items, {}),
}
_ETAG = re.compile(r'(W/)?"[^"]*"')


@dataclass(frozen=True)
class Mount:
    """A path under which a family answers, and the permissions that it asks for there.

    Of several with spaces between them one is enough, of those with + between them all are needed; of none every
    token is enough.
    """

    path: str  # may hold {parent}, the id of the object that the family's objects belong to
    read: str
    write: str
    parent: str = ""  # which one it is, in the mount of a request

    def at(self, path: str) -> "tuple[Mount, list[str]] | None":
        """Return the mount as a path has it and the parts that come behind, or None."""
        wanted, parts = self.path.split("/"), path.split("/")
        found = zip(wanted, parts, strict=False)
        if len(parts) < len(wanted) or not all(one == part or (one == "{parent}" and part) for one, part in found):
            return None
        parent = next((part for one, part in zip(wanted, parts, strict=False) if one == "{parent}"), "")
        rest = [part for part in parts[len(wanted) :] if part]
        return Mount("/".join(parts[: len(wanted)]), self.read, self.write, parent), rest


class Resource:
    """One family of objects."""

    family: ClassVar[str]
    label: ClassVar[str]  # the object's name in error messages
    service: ClassVar[str]  # as the audits call it
    mounts: ClassVar[tuple[Mount, ...]]
    tail: ClassVar[str] = ""  # what stands behind the id in an object's path
    routed: ClassVar[bool] = True  # requests come here, not to a family that passes them on
    singleton: ClassVar[bool] = False  # one object, at the mount itself
    listed: ClassVar[bool] = True
    parent_family: ClassVar[str | None] = None
    ids_by_parent: ClassVar[bool] = False  # an id is unique below its parent only
    writable: ClassVar[Mapping[str, bytes]]  # member to the value that it has after a PUT that left it out
    hidden: ClassVar[Mapping[str, bytes]] = {}  # kept beside them; no body can name one
    server_managed: ClassVar[frozenset[str]] = frozenset()  # ignored in a body
    required: ClassVar[tuple[str, ...]] = ()
    not_listed: ClassVar[frozenset[str]] = frozenset()  # members too big for a list
    verbatim: ClassVar[frozenset[str]] = frozenset()  # members kept with the white space around them
    history: ClassVar[bool] = False
    update: ClassVar[str] = "PUT"  # or PATCH, which leaves alone what it does not name, or nothing
    paging: ClassVar[str] = "numbered"  # one of `_PAGES`
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

    def asked(self, request: Request, served: dict[str, bytes]) -> dict[str, bytes]:  # noqa: ARG002
        """Return what a read shows of an answer's members, as far as its query asks for them."""
        return served

    def there(self, stored: StoredObject) -> bool:
        """Tell whether an object can be found."""
        return not stored.deleted

    def object_id(self, path: str) -> str | None:
        """Return the id, as it is kept, of the object that stands at a path ("" where there is one only), or None."""
        for mount in self.mounts:
            found = self._found(mount, path)
            if found is not None:
                at, rest = found
                if self.singleton and not rest:
                    return ""
                if len(rest) == 1 and not self.singleton:
                    return self.key(at, rest[0])
        return None

    def kept(self, organization: Organization, object_id: str) -> StoredObject | None:
        """Return the object that is kept under an id, or the one that there is."""
        if self.singleton:
            return next(iter(organization.of_family(self.family)), None)
        return organization.objects.get((self.family, object_id))

    def key(self, mount: Mount, object_id: str) -> str:
        """Return the id under which an object is kept."""
        return f"{mount.parent}/{object_id}" if self.ids_by_parent else object_id

    def match(self, path: str) -> tuple[int, Mount] | None:
        """Return how closely a path is described by one of the family's, and where that is mounted; or None."""
        for mount in self.mounts:
            found = self._found(mount, path)
            if found is not None:
                literal = [one for one in f"{mount.path}{self.tail}".split("/") if one and one != "{parent}"]
                return len(literal), found[0]
        return None

    def _found(self, mount: Mount, path: str) -> tuple[Mount, list[str]] | None:
        """Return the mount of a path and the parts behind it, the tail left out; or None."""
        at = mount.at(path)
        if at is None or not self.tail:
            return at
        tail = self.tail.split("/")[1:]
        here, rest = at
        return (here, [rest[0], *rest[1 + len(tail) :]]) if rest[1 : 1 + len(tail)] == tail else None

    def edited(self, members: dict[str, bytes], note: str) -> dict[str, bytes]:  # noqa: ARG002
        """Return the members with one small believable edit by somebody else."""
        key = next((one for one in ("name", "title") if one in members), None)
        return members if key is None else members | {key: dump(f"{json.loads(members[key])} (edited)")}

    # What all families share.

    def answer(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        """Answer a request below one of the family's paths."""
        rest = self.behind(request, mount)
        if not rest and not self.singleton:
            if not self.listed:
                raise not_found(request.path)
            allow(request, "GET")
            require(request, organization, mount.read)
            return self.list_of(request, organization, mount)
        history = self.history and len(rest) > 1 and rest[1] == "versions" and len(rest) <= 3
        if len(rest) > 1 and not history:
            raise not_found(request.path)
        allow(request, *(("GET", self.update) if self.update and not history else ("GET",)))
        stored = self.find(request, organization, rest[0] if rest else "", mount)
        if history:
            return self.answer_history(request, stored, rest[2:], mount)
        if request.method == self.update:
            return self.write(request, organization, stored)
        return self.get(request, organization, stored)

    def behind(self, request: Request, mount: Mount) -> list[str]:
        """Return the parts of a request's path behind the mount: the id first, and no tail."""
        found = self._found(mount, request.path)
        return [] if found is None else found[1]

    def find(self, request: Request, organization: Organization, object_id: str, mount: Mount) -> StoredObject:
        """Return the object that a request is about. Raises `Refusal`: 403, 404."""
        needed = mount.read if request.method == "GET" else mount.write
        require(request, organization, needed)
        self.check_parent(request, organization, mount)
        stored = self.kept(organization, self.key(mount, object_id))
        if stored is None or not self.there(stored) or not self._inside(stored, mount):
            raise not_found(request.path)
        require_in_division(request, organization, needed, division_of(stored))
        return stored

    def check_parent(self, request: Request, organization: Organization, mount: Mount) -> None:
        """Raise the 404 where the object is gone that the family's objects belong to."""
        parent = organization.objects.get((self.parent_family or "", mount.parent))
        if self.parent_family is not None and (parent is None or parent.deleted):
            raise not_found(request.path)

    def _inside(self, stored: StoredObject, mount: Mount) -> bool:
        return not mount.parent or stored.fixed.get("parent") == mount.parent

    def answer_history(self, request: Request, stored: StoredObject, rest: list[str], mount: Mount) -> Answer:
        """Answer a request for the list of versions or for one of them."""
        raise NotImplementedError

    def list_of(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        """Answer the list of the family's objects."""
        self.check_parent(request, organization, mount)
        found = [
            one
            for one in organization.of_family(self.family)
            if self._inside(one, mount) and sees(organization, mount.read, division_of(one))
        ]
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
        chosen, members = _PAGES[self.paging](request, found)
        entities = []
        for stored in chosen:
            revision = stored.seen(request.stale_for)
            path = f"{mount.path}/{stored.id.rpartition('/')[2]}{self.tail}"
            served = self.asked(request, self.served(stored, revision, path))
            entities.append(join_members({k: v for k, v in served.items() if k not in self.not_listed}))
        body = {
            "entities": b"[" + b",".join(entities) + b"]",
            **{key: dump(value) for key, value in members.items()},
        }
        return Answer(HTTPStatus.OK, join_members(body))

    def get(self, request: Request, organization: Organization, stored: StoredObject) -> Answer:
        """Answer the GET of an object."""
        revision = stored.seen(request.stale_for)
        headers = self._headers(request, organization, stored, revision)
        known = request.header("If-None-Match")
        if known is not None and "ETag" in headers and _weakly_in(headers["ETag"], known):
            return Answer(HTTPStatus.NOT_MODIFIED, headers=headers)
        return Answer(
            HTTPStatus.OK, join_members(self.asked(request, self.served(stored, revision, request.path))), headers
        )

    def _headers(
        self, request: Request, organization: Organization, stored: StoredObject, revision: Revision
    ) -> dict[str, str]:
        etag = self.etag(organization, stored, revision)
        if etag is None:
            return {}
        return {"ETag": "W/" + etag if request.weak_etag else etag}

    def write(self, request: Request, organization: Organization, stored: StoredObject) -> Answer:
        """Answer the PUT or PATCH of an object."""
        sent = self.body_of(request)
        self.check_keys(organization, stored, sent)
        members = {key: value for key, value in sent.items() if key not in self.hidden}
        if self.update == "PATCH":
            members = {**stored.live.members, **members}
        self.check_required(members)
        self.check(organization, stored, members)
        try:
            if organization.switches.guards_enforced:
                self.guard(request, organization, stored, members)
        except Refusal:
            if self._already_so(organization, stored, members):
                return self.get_live(request, organization, stored)
            raise
        kept = {key: stored.live.members[key] for key in self.hidden}
        revision = self.revise(request, organization, stored, {**members, **kept})
        self.accept(request, organization, stored, revision)
        return self.get_live(request, organization, stored)

    def body_of(self, request: Request, *, optional: bool = False) -> dict[str, bytes]:
        """Return the root members of a request's body, which may be missing if `optional`. Raises `Refusal`."""
        if optional and request.body.strip() in (b"", b"null"):
            return {}
        try:
            return split_members(request.body)
        except MalformedJson as error:
            raise Refusal(
                HTTPStatus.BAD_REQUEST, "bad.request", f"The request body cannot be read: {error}."
            ) from error

    def revise(
        self,
        request: Request,
        organization: Organization,
        stored: StoredObject,
        members: Mapping[str, bytes],
        *,
        version: int | None = None,
    ) -> Revision:
        """Return the revision that a request makes: the client's, or that of the person who makes it elsewhere."""
        client = organization.client
        person = request.person
        return Revision(
            version=self.next_version(stored) if version is None else version,
            members=self.contents(members),
            at=self.moment(stored),
            by=person or Person(client.id, client.name),
            app=None if person else client.id,
            remote=request.remote,
        )

    def accept(
        self,
        request: Request,
        organization: Organization,
        stored: StoredObject,
        revision: Revision,
        *,
        also: Sequence[tuple[StoredObject, Revision]] = (),
    ) -> None:
        """Make the revision live that a request led to, and with it what the same step changes elsewhere."""
        self.commit(
            organization,
            stored,
            revision,
            method=request.method,
            if_match=request.header("If-Match"),
            sha256=hashlib.sha256(request.body).hexdigest(),
            correlation_id=request.correlation_id,
            path=request.path,
            also=also,
        )

    def get_live(self, request: Request, organization: Organization, stored: StoredObject) -> Answer:
        """Answer with an object as it stands now, whatever a fault makes of reads."""
        headers = self._headers(request, organization, stored, stored.live)
        return Answer(HTTPStatus.OK, join_members(self.served(stored, stored.live, request.path)), headers)

    def commit(
        self,
        organization: Organization,
        stored: StoredObject,
        revision: Revision,
        *,
        method: str,
        if_match: str | None,
        sha256: str,
        correlation_id: str,
        path: str,
        also: Sequence[tuple[StoredObject, Revision]] = (),
    ) -> None:
        """Make a revision live and log the write."""
        write = {
            "method": method,
            "if_match": if_match,
            "etag": self.etag(organization, stored, revision),
            "sha256": sha256,
            "correlation_id": correlation_id,
            "path": path,
        }
        self.store.commit(organization, stored, revision, write=write, also=also)

    def contents(self, members: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return every writable member, from the body or reset, and the hidden ones."""
        kept: dict[str, bytes] = {}
        for key, reset in {**self.writable, **self.hidden}.items():
            value = members.get(key, reset)
            kept[key] = value if key in self.verbatim else value.strip()
        return kept

    def moment(self, stored: StoredObject) -> datetime:
        """Return the time of a write; never before the revision that it follows."""
        return max(datetime.now(UTC), stored.live.at)

    def check_keys(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:
        """Raise `Refusal` for a member that the family does not have, or for another object's id."""
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

    def check_required(self, members: Mapping[str, bytes]) -> None:
        """Raise `Refusal` for a member that an object cannot be without."""
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


def allow(request: Request, *methods: str) -> None:
    """Raise the 405 for any other method."""
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


def resource_at(resources: Iterable[Resource], path: str) -> tuple[Resource, Mount] | None:
    """Return the family that answers at a path and where it is mounted, or None.

    Of several the one counts whose path names more of it: `/flows/datatables` is no flow.
    """
    found = [(one.match(path), one) for one in resources if one.routed]
    fits = [(match[0], match[1], one) for match, one in found if match is not None]
    if not fits:
        return None
    _, mount, resource = max(fits, key=lambda one: one[0])
    return resource, mount
