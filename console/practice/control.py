"""The controls under /practice/: what a test or a newcomer tells the platform to do. They answer on loopback only.

A body is JSON, or the fields of one of the front page's forms; a form is answered with a redirect back to
that page.
"""

import contextlib
import dataclasses
import hashlib
import ipaddress
import json
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from console.practice.access import Access
from console.practice.answers import Answer, Refusal, Request, not_found, ok
from console.practice.faults import FOREIGN_CONTENTS, Faults, RuleWrong
from console.practice.permissions import EVERYTHING
from console.practice.permitting import divisions_of
from console.practice.raw_json import MalformedJson, dump, split_members
from console.practice.resource import Resource, method_not_allowed, resource_at
from console.practice.state import Organization, Revision, StoredObject
from console.practice.store import Store

FORM = "application/x-www-form-urlencoded"
_ELSEWHERE = "198.51.100.23"  # RFC 5737: an address for documentation
_STATUSES = {"lost_race_status": (409, 412), "wrong_version_status": (400, 409)}


class Control:
    """What can be told to the platform."""

    def __init__(
        self,
        store: Store,
        access: Access,
        faults: Faults,
        resources: list[Resource],
        requests: deque[dict[str, Any]],
    ) -> None:
        """Work on the parts of one platform."""
        self._store = store
        self._access = access
        self._faults = faults
        self._resources = resources
        self._requests = requests

    # Over HTTP.

    def answer(self, request: Request) -> Answer:
        """Answer a request below /practice/."""
        _only_from_here(request)
        changes: dict[str, Callable[[dict[str, Any]], Any]] = {
            "/practice/faults": self.add_fault,
            "/practice/foreign-write": self.foreign_write,
            "/practice/delete": self.delete,
            "/practice/permissions": self.set_permissions,
            "/practice/divisions": self.set_divisions,
            "/practice/tokens/revoke": self.revoke_tokens,
            "/practice/switches": self.set_switches,
        }
        looks: dict[str, Callable[[], Any]] = {
            "/practice/faults": lambda: [one.as_json() for one in self._faults.standing()],
            "/practice/writes": lambda: self._logged(self._store.writes, request),
            "/practice/requests": lambda: self._logged(self._requests, request),
            "/practice/organizations": self.organizations,
        }
        if request.method == "POST" and request.path == "/practice/faults/clear":
            return self._changed(request, lambda _: self._faults.clear())
        if request.method == "DELETE" and request.path == "/practice/faults":
            self._faults.clear()
            return ok([])
        if request.method == "POST" and request.path in changes:
            return self._changed(request, changes[request.path])
        if request.method == "GET" and request.path in looks:
            with self._store.lock:
                return ok(looks[request.path]())
        if request.path in changes or request.path in looks:
            raise method_not_allowed(
                request, *(["GET"] * (request.path in looks) + ["POST"] * (request.path in changes))
            )
        raise not_found(request.path)

    def _changed(self, request: Request, change: Callable[[dict[str, Any]], Any]) -> Answer:
        form = (request.header("Content-Type") or "").startswith(FORM)
        told = _from_form(request.body) if form else _from_json(request.body)
        done = change(told)
        if form:
            return Answer(
                HTTPStatus.SEE_OTHER, headers={"Location": "/?done=" + quote(request.path.rpartition("/")[2])}
            )
        return ok(done)

    @staticmethod
    def _logged(entries: Any, request: Request) -> list[dict[str, Any]]:
        wanted = request.query.get("object")
        organization = request.query.get("organization")
        return [
            one
            for one in entries
            if (wanted in (None, one.get("object")) or one.get("path", "").endswith(f"/{wanted}"))
            and organization in (None, one["organization"])
        ]

    # Each of these can also be called by tests in the same process.

    def organizations(self) -> list[dict[str, Any]]:
        """Return the organizations, their clients without secrets, their objects and switches."""
        return [
            {
                "slug": one.slug,
                "id": one.id,
                "name": one.name,
                "client_id": one.client.id,
                "permissions": sorted(one.client.permissions),
                "divisions": divisions_of(one),
                "switches": vars(one.switches),
                "objects": [
                    {"family": stored.family, "id": stored.id, "version": stored.live.version}
                    for stored in one.objects.values()
                    if not stored.deleted
                ],
            }
            for one in self._store.organizations.values()
        ]

    def add_fault(self, told: dict[str, Any]) -> dict[str, Any]:
        """Add a fault rule and return it."""
        slug = told.get("organization")
        if slug is not None:
            self._organization(told)
        try:
            return self._faults.add(told).as_json()
        except RuleWrong as error:
            raise _wrong(str(error)) from error

    def foreign_write(self, told: dict[str, Any]) -> dict[str, Any]:
        """Let somebody else write an object, or make the request `step`, now; return the logged write."""
        if "step" in told:
            return self._step_elsewhere(told)
        with self._store.lock:
            resource, organization, stored = self._object(told)
            members = dict(stored.live.members)
            if "body" in told:
                body = told["body"]
                raw = body.encode() if isinstance(body, str) else dump(body)
                members = _writable(resource, raw, members)
            elif "edits" in told:
                members = _edit(resource, members, told["edits"])
            elif told.get("content", "other") == "other":
                members = _other(resource, members, stored)
            elif told["content"] != "same":
                raise _wrong(f"content is {told['content']!r}; here it must be other or same.")
            return self._write_as(resource, organization, stored, members, by=str(told.get("by") or "Tom Becker"))

    def write_before(self, request: Request, *, by: str, content: str, step: Mapping[str, Any] | None = None) -> None:
        """Let somebody else write the object of a request, or make the request `step`, just before it is worked on."""
        if request.organization is None:
            return
        if step is not None:
            with contextlib.suppress(Refusal):  # the platform refuses it: then nobody was before us
                self._step_elsewhere({"organization": request.organization.slug, "by": by, "step": step})
            return
        with self._store.lock:
            try:
                resource, organization, stored = self._nearest(request.path, request.organization.slug)
                members = dict(stored.live.members)
                if content == FOREIGN_CONTENTS[0]:
                    members = _other(resource, members, stored)
                elif content == FOREIGN_CONTENTS[1]:
                    members = _writable(resource, request.body, members)
            except Refusal:
                return  # nothing there to write, or no body to write ahead of
            self._write_as(resource, organization, stored, members, by=by)

    def change_etag(self, request: Request) -> None:
        """Give the object of a request another ETag under the same version."""
        if request.organization is None:
            return
        with self._store.lock:
            try:
                _, _, stored = self._object({"object": request.path, "organization": request.organization.slug})
            except Refusal:
                return
            stored.salt += 1

    def delete(self, told: dict[str, Any]) -> dict[str, Any]:
        """Let an object vanish."""
        with self._store.lock:
            _, organization, stored = self._object(told)
            self._store.delete(organization, stored)
        return {"organization": organization.slug, "object": stored.id, "deleted": True}

    def set_permissions(self, told: dict[str, Any]) -> dict[str, Any]:
        """Give or take permissions of an organization's OAuth client: `remove`, `add`, or `reset` true."""
        with self._store.lock:
            organization = self._organization(told)
            current = set(EVERYTHING) if told.get("reset") else set(organization.client.permissions)
            changed = current - set(_texts(told, "remove")) | set(_texts(told, "add"))
            if any(len(one.split(":")) not in (2, 3) for one in changed):
                raise _wrong("A permission has the form domain:entity:action or domain:action.")
            self._store.set_permissions(organization, changed)
        return {"organization": organization.slug, "permissions": sorted(changed)}

    def set_divisions(self, told: dict[str, Any]) -> dict[str, Any]:
        """Take divisions from the roles of an organization's OAuth client, or give them back: `remove`, `add`, `reset`.

        Divisions are named by name or id. With `permissions` only those are taken, or given back, there.
        """
        with self._store.lock:
            organization = self._organization(told)
            known = {one["name"]: one["id"] for one in divisions_of(organization)}
            ids = {}
            for name in _texts(told, "remove") + _texts(told, "add"):
                ids[name] = known.get(name, name)
                if ids[name] not in known.values():
                    raise _wrong(f"{name} is no division of {organization.slug}; there are {', '.join(known)}.")
            which = set(_texts(told, "permissions")) or {"*"}
            away = {} if told.get("reset") else {key: set(one) for key, one in organization.client.withheld.items()}
            for name in _texts(told, "remove"):
                away.setdefault(ids[name], set()).update(which)
            for name in _texts(told, "add"):
                left = away.pop(ids[name], set()) - which
                if "*" not in which and left:
                    away[ids[name]] = left
            self._store.withhold(organization, away)
            return {"organization": organization.slug, "divisions": divisions_of(organization)}

    def revoke_tokens(self, told: dict[str, Any]) -> dict[str, Any]:
        """End the tokens of an organization, or all: 401 bad.credentials, or credentials.expired with `expire` true."""
        with self._store.lock:
            organization = self._organization(told) if told.get("organization") else None
            return {"ended": self._access.revoke(organization, expire=bool(told.get("expire")))}

    def set_switches(self, told: dict[str, Any]) -> dict[str, Any]:
        """Change switches of an organization and return all of them."""
        with self._store.lock:
            organization = self._organization(told)
            changes = {key: value for key, value in told.items() if key != "organization"}
            current = vars(organization.switches)
            for key, value in changes.items():
                if key not in current:
                    raise _wrong(f"{key} is no switch; there are {', '.join(current)}.")
                _check_switch(key, value, current[key])
            changed = dataclasses.replace(organization.switches, **changes)
            self._store.set_switches(organization, changed)
        return vars(changed).copy()

    # Finding and writing.

    def _organization(self, told: dict[str, Any]) -> Organization:
        slug = told.get("organization")
        found = self._store.organizations.get(str(slug))
        if found is None:
            raise _wrong(f"organization is {slug!r}; there are {', '.join(self._store.organizations)}.")
        return found

    def _object(self, told: dict[str, Any]) -> tuple[Resource, Organization, StoredObject]:
        path = str(told.get("object", ""))
        organizations = (
            [self._organization(told)] if told.get("organization") else list(self._store.organizations.values())
        )
        for resource in self._resources:
            object_id = resource.object_id(path)
            for organization in organizations if object_id is not None else ():
                stored = resource.kept(organization, str(object_id))
                if stored is not None and resource.there(stored):
                    return resource, organization, stored
        raise not_found(path)

    def _nearest(self, path: str, slug: str) -> tuple[Resource, Organization, StoredObject]:
        """Return the object at a path, or the one that it is a step of: `…/draft/publish` is one of the draft."""
        while True:
            try:
                return self._object({"object": path, "organization": slug})
            except Refusal:
                path = path.rpartition("/")[0]
                if not path:
                    raise

    def _step_elsewhere(self, told: dict[str, Any]) -> dict[str, Any]:
        """Make a request of somebody else's, under the platform's own rules; return the logged write."""
        step = told["step"]
        if not isinstance(step, dict) or not step.keys() <= {"method", "path", "body"} or "path" not in step:
            raise _wrong('step must be {"method", "path", "body"}.')
        organization = self._organization({"organization": "northwind", **told})
        body = step.get("body")
        with self._store.lock:
            made = len(self._store.writes)
            request = Request(
                method=str(step.get("method", "POST")).upper(),
                path=str(step["path"]),
                query={},
                headers={"Content-Type": "application/json"},
                body=b"" if body is None else body.encode() if isinstance(body, str) else dump(body),
                remote=_ELSEWHERE,
                correlation_id=f"elsewhere-{made + 1}",
                organization=organization,
                person=self._store.person(organization, str(told.get("by") or "Tom Becker")),
            )
            found = resource_at(self._resources, request.path)
            if found is None:
                raise not_found(request.path)
            found[0].answer(request, organization, found[1])
            if len(self._store.writes) == made:
                raise _wrong(f"{request.method} {request.path} writes nothing.")
            return self._store.writes[-1]

    def _write_as(
        self,
        resource: Resource,
        organization: Organization,
        stored: StoredObject,
        members: dict[str, bytes],
        *,
        by: str,
    ) -> dict[str, Any]:
        revision = Revision(
            version=resource.next_version(stored),
            members=members,
            at=max(datetime.now(UTC), stored.live.at),
            by=self._store.person(organization, by),
            remote=_ELSEWHERE,
        )
        resource.commit(
            organization,
            stored,
            revision,
            method="",
            if_match=None,
            sha256=hashlib.sha256(b"".join(members.values())).hexdigest(),
            correlation_id=f"elsewhere-{len(self._store.writes) + 1}",
            path="",
        )
        return self._store.writes[-1]


def _only_from_here(request: Request) -> None:
    """Refuse what does not come from this machine, or what another site's page makes a browser send."""
    host = urlsplit("//" + (request.header("Host") or "")).hostname or ""
    origin = request.header("Origin")
    known_host = host == "localhost" or _is_loopback(host)
    foreign = origin is not None and urlsplit(origin).netloc != request.header("Host")
    if not _is_loopback(request.remote) or not known_host or foreign:
        raise Refusal(HTTPStatus.FORBIDDEN, "practice.loopback.only", "The controls answer on this machine only.")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _wrong(message: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "practice.bad.request", f"Nothing was changed: {message}")


def _from_json(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise _wrong(f"the body is no JSON ({error}).") from error
    if not isinstance(told, dict):
        raise _wrong("the body must be a JSON object.")
    return told


def _from_form(body: bytes) -> dict[str, Any]:
    """Return a form's fields; numbers and true and false become JSON values, empty fields are left out."""
    told: dict[str, Any] = {}
    for key, text in parse_qsl(body.decode("utf-8", "replace")):
        plain_number = text.isascii() and text.isdigit()
        told[key] = int(text) if plain_number else text == "true" if text in ("true", "false") else text
    return told


def _texts(told: dict[str, Any], key: str) -> list[str]:
    value = told.get(key, [])
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise _wrong(f"{key} is {value!r}; it must be a list of texts.")
    return texts


def _check_switch(key: str, value: Any, current: Any) -> None:
    if key in _STATUSES:
        fits = value in _STATUSES[key] and not isinstance(value, bool)
    elif key == "unknown_keys":
        fits = value in ("refuse", "drop")
    elif isinstance(current, bool):
        fits = isinstance(value, bool)
    else:
        whole_or_fraction = int if isinstance(current, int) else int | float
        fits = isinstance(value, whole_or_fraction) and not isinstance(value, bool) and value >= 0
    if not fits:
        raise _wrong(f"{key} cannot be {value!r}.")


def _writable(resource: Resource, raw: bytes, live: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what a body would leave, as a PUT or PATCH of the family does."""
    try:
        sent = split_members(raw)
        before = live if resource.update == "PATCH" else {key: live[key] for key in resource.hidden}
        return resource.contents({**before, **{key: one for key, one in sent.items() if key not in resource.hidden}})
    except MalformedJson as error:
        raise _wrong(f"the object's body cannot be read: {error}.") from error


def _other(resource: Resource, members: dict[str, bytes], stored: StoredObject) -> dict[str, bytes]:
    """Return the members with one small believable edit."""
    note = f"Edited elsewhere after version {stored.live.version}."
    key = next((one for one in ("content", "data") if one in members), None)
    if key is None:
        return resource.edited(members, note)
    try:
        inner = json.loads(members[key])
    except (ValueError, RecursionError):
        inner = {}
    inner = inner if isinstance(inner, dict) else {"previously": inner}
    return members | {key: dump(inner | {"description": note})}


def _edit(resource: Resource, members: dict[str, bytes], edits: Any) -> dict[str, bytes]:
    """Apply edits: each sets the value at a JSON Pointer (RFC 6901), or removes it with `remove` true."""
    if not isinstance(edits, list) or not all(isinstance(one, dict) and "path" in one for one in edits):
        raise _wrong('edits must be a list of {"path": JSON Pointer, "value": …} or {"path": …, "remove": true}.')
    whole: dict[str, Any] = {}
    touched: set[str] = set()
    for one in edits:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in str(one["path"]).split("/")[1:]]
        if not steps or steps[0] not in resource.writable:
            raise _wrong(f"the path {one['path']!r} does not begin with a writable member.")
        touched.add(steps[0])
        try:
            whole.setdefault(steps[0], json.loads(members[steps[0]]))
            target: Any = whole
            for step in steps[:-1]:
                target = target[int(step)] if isinstance(target, list) else target[step]
            last: Any = int(steps[-1]) if isinstance(target, list) and steps[-1] != "-" else steps[-1]
            if one.get("remove"):
                del target[last]
            elif isinstance(target, list) and last == "-":
                target.append(one["value"])
            else:
                target[last] = one["value"]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise _wrong(f"the path {one['path']!r} leads nowhere ({error!r}).") from error
    for key in touched - set(whole):
        whole[key] = json.loads(resource.writable[key])
    return members | {key: dump(whole[key]) for key in touched}
