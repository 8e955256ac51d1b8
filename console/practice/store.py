"""The one place where the platform's state changes: every change is in the journal before anybody sees it."""

import json
import os
import secrets
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from console.practice.journal import Journal, JournalDamaged
from console.practice.state import Organization, Person, Revision, StoredObject, Switches, timestamp


class Store:
    """The organizations, and the log of every write that was accepted; all access happens under `lock`."""

    def __init__(self, founded: Iterable[Organization], *, data_dir: Path | None) -> None:
        """Keep the founded organizations, or what `data_dir` remembers of them.

        Raises `DataInUse` and `JournalDamaged`.
        """
        self.lock = threading.RLock()
        self.writes: list[dict[str, Any]] = []
        self.organizations: dict[str, Organization] = {one.slug: one for one in founded}
        self._journal = Journal(data_dir) if data_dir else None
        try:
            self._issue_secrets(data_dir)
            if self._journal is not None:
                self._restore(self._journal)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            self._journal.close()

    def _issue_secrets(self, data_dir: Path | None) -> None:
        path = data_dir / "credentials.json" if data_dir else None
        kept: dict[str, dict[str, str]] = json.loads(path.read_text()) if path and path.exists() else {}
        for one in self.organizations.values():
            one.client.secret = kept.get(one.slug, {}).get("client_secret") or secrets.token_urlsafe(32)
        issued = {
            one.slug: {
                "organization_id": one.id,
                "organization_name": one.name,
                "client_id": one.client.id,
                "client_secret": one.client.secret,
            }
            for one in self.organizations.values()
        }
        if path is None or kept == issued:
            return
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump({**kept, **issued}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def _restore(self, journal: Journal) -> None:
        """Take every object from the journal, and add to it what it does not know yet."""
        if not journal.exists:
            journal.create(self._founding_records(known=set()))
            return
        founded = {slug: one.objects for slug, one in self.organizations.items()}
        for one in self.organizations.values():
            one.objects = {}
        for record in journal.read():
            # Without its folder the archive is not there; what the journal has of it waits for the next start.
            if record.get("organization") in self.organizations or "organization" not in record:
                self._replay(record, journal.path)
        known = {(slug, *key) for slug, one in self.organizations.items() for key in one.objects}
        for slug, objects in founded.items():
            one = self.organizations[slug]
            # What the journal knows stays as it is. A folder brings objects later, a newer platform whole families.
            families = {family for family, _ in one.objects}
            new = {key: stored for key, stored in objects.items() if slug == "archive" or key[0] not in families}
            one.objects = new | one.objects
        for record in self._founding_records(known=known):
            journal.append(record)

    def _founding_records(self, *, known: set[tuple[str, str, str]]) -> Iterator[dict[str, Any]]:
        for one in self.organizations.values():
            for (family, object_id), stored in one.objects.items():
                if (one.slug, family, object_id) not in known:
                    yield {
                        "kind": "object",
                        "organization": one.slug,
                        "family": family,
                        "object": object_id,
                        "fixed": stored.fixed,
                        "revisions": [revision.to_record() for revision in stored.revisions],
                    }

    def _replay(self, record: dict[str, Any], path: Path) -> None:
        try:
            self._replay_one(record)
        except (KeyError, TypeError, ValueError) as error:
            raise JournalDamaged(
                f"A record in {path} makes no sense ({error!r}); nothing was started. "
                "Move the folder away to begin with fresh organizations."
            ) from error

    def _replay_one(self, record: dict[str, Any]) -> None:
        one = self.organizations[record["organization"]]
        key = (record.get("family", ""), record.get("object", ""))
        match record["kind"]:
            case "object":
                revisions = [Revision.from_record(revision) for revision in record["revisions"]]
                one.objects[key] = StoredObject(*key, revisions, record["fixed"])
            case "commit":
                one.objects[key].revisions.append(Revision.from_record(record["revision"]))
                for other in record.get("also", ()):
                    revision = Revision.from_record(other["revision"])
                    one.objects[other["family"], other["object"]].revisions.append(revision)
                self.writes.append(record["write"])
            case "delete":
                one.objects[key].deleted = True
            case "permissions":
                one.client.permissions = set(record["permissions"])
            case "divisions":
                one.client.withheld = {key: set(names) for key, names in record["withheld"].items()}
            case "switches":
                one.switches = Switches(**record["switches"])
            case kind:
                raise ValueError(f"unknown kind {kind}")

    def _remember(self, record: dict[str, Any]) -> None:
        if self._journal is not None:
            self._journal.append(record)

    def commit(
        self,
        organization: Organization,
        stored: StoredObject,
        revision: Revision,
        *,
        write: dict[str, Any],
        also: Sequence[tuple[StoredObject, Revision]] = (),
    ) -> None:
        """Make `revision` the live one; `write` says how it came and is completed for the log of writes.

        What the same step changes in other objects (`also`) comes with it or not at all, and is no write of its own.
        """
        for _, one in [(stored, revision), *also]:
            one.settled = time.monotonic()
            one.audited = not organization.switches.audits_lost
        entry = {
            "sequence": len(self.writes) + 1,
            "at": timestamp(revision.at),
            "organization": organization.slug,
            "family": stored.family,
            "object": stored.id,
            "version": revision.version,
            "by": revision.by.as_json(),
            "client": revision.app,
            "remote": revision.remote,
            **write,
        }
        self._remember(
            {
                "kind": "commit",
                "organization": organization.slug,
                "family": stored.family,
                "object": stored.id,
                "revision": revision.to_record(),
                "write": entry,
                "also": [
                    {"family": other.family, "object": other.id, "revision": one.to_record()} for other, one in also
                ],
            }
        )
        for other, one in [(stored, revision), *also]:
            other.revisions.append(one)
        self.writes.append(entry)

    def delete(self, organization: Organization, stored: StoredObject) -> None:
        """Let an object vanish; its history stays in the journal only."""
        self._remember(
            {
                "kind": "delete",
                "organization": organization.slug,
                "family": stored.family,
                "object": stored.id,
            }
        )
        stored.deleted = True

    def set_permissions(self, organization: Organization, permissions: set[str]) -> None:
        """Replace the permissions of the organization's OAuth client."""
        self._remember({"kind": "permissions", "organization": organization.slug, "permissions": sorted(permissions)})
        organization.client.permissions = permissions

    def withhold(self, organization: Organization, withheld: dict[str, set[str]]) -> None:
        """Replace what the organization's OAuth client may not do in which division."""
        told = {key: sorted(names) for key, names in withheld.items()}
        self._remember({"kind": "divisions", "organization": organization.slug, "withheld": told})
        organization.client.withheld = withheld

    def set_switches(self, organization: Organization, switches: Switches) -> None:
        """Replace the switches of an organization."""
        self._remember({"kind": "switches", "organization": organization.slug, "switches": vars(switches)})
        organization.switches = switches

    def person(self, organization: Organization, name: str) -> Person:
        """Return the person of that name, who is new to the organization if nobody there is called so."""
        known = next((one for one in organization.people if one.name == name), None)
        if known is None:
            known = Person(str(uuid.uuid5(uuid.UUID(organization.id), name)), name)
            organization.people.append(known)
        return known
