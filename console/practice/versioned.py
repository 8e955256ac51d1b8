"""Families whose every write is kept as a version that can be read again, newest first."""

from http import HTTPStatus
from typing import ClassVar

from console.practice.answers import Answer, Request, cursor_listing, not_found
from console.practice.declared import Declared
from console.practice.raw_json import dump, join_members
from console.practice.resource import Mount
from console.practice.state import Revision, StoredObject


class Versioned(Declared):
    """A family with `…/versions` and `…/versions/{version}`; a version shows the whole object."""

    history = True
    numbers_versions: ClassVar[bool] = False  # a version says its number, the object does not

    def answer_history(self, request: Request, stored: StoredObject, rest: list[str], mount: Mount) -> Answer:
        """Return the versions behind a cursor, or one of them."""
        seen = stored.history_seen(request.stale_for)
        base = f"{mount.path}/{stored.id}/versions"
        if not rest:
            return cursor_listing(request, [self.version(stored, one, f"{base}/{one.version}") for one in seen[::-1]])
        found = next((one for one in seen if str(one.version) == rest[0]), None)
        if found is None:
            raise not_found(request.path)
        return Answer(HTTPStatus.OK, join_members(self.version(stored, found, f"{base}/{found.version}")))

    def version(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return one version."""
        shown = self.served(stored, revision, path)
        return {**shown, "version": dump(revision.version)} if self.numbers_versions else shown
