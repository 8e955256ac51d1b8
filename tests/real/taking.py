"""One round: import, show, compare, and go back, each step held against the files and the platform's own log."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path

from django.utils import timezone

from rollbacks import actions, applying, collateral, composing, verifying
from rollbacks.models import Rollback
from tenants import actions as tenant_actions
from tenants import archive, blaming, capture, compare_page, connections, discovery, importing
from tenants.access import Role
from tenants.documents import Layout, Overlap, Value, compare, digest, extract, patch_of, patched
from tenants.models import Tenant, TrackedConfig
from tenants.resource_types import catalogue
from tests import world
from tests.real import archiving
from tests.real.blaming import carried, scalars_of, wrongly_blamed
from tests.real.judging import File, History, read_folder, same
from tests.real.reporting import Report
from tests.real.serving import ORGANIZATION, Served, serving
from tests.real.undoing import faults
from tests.tenants.running import run

Tell = Callable[[str], None]


def _say_nothing(_sentence: str) -> None:
    """Say nothing."""


def take(folder: Path, *, tell: Tell = _say_nothing) -> Report:
    """Take every history in a folder through everything, on the database at hand, and give what was found."""
    report = Report(str(folder))
    began = time.perf_counter()
    histories = read_folder(folder)
    with serving(folder) as served:
        people = world.make_people()
        tenant = tenant_actions.add_tenant(
            ORGANIZATION,
            name=served.credentials["organization_name"],
            api_url=served.url,
            login_url=served.url,
            client_id=served.credentials["client_id"],
            client_secret=served.credentials["client_secret"],
            organization_id=served.credentials["organization_id"],
            acting_user=None,
        )
        world.give_roles(people.alice, tenant, Role.OPERATOR)
        world.give_roles(people.bob, tenant, Role.APPROVER)
        configs = _track_all(tenant, histories, report)
        for number, history in enumerate(histories, start=1):
            tell(f"{number}/{len(histories)} {history.name}")
            if history.name in configs:
                _Taking(configs[history.name], history, served, people, report).take()
    tell("weighing the archive")
    archiving.weigh_all(histories, report)
    trail = verifying.verify(tenant)
    report.check(trail.holds, f"The trail does not hold: {trail.broken}")
    report.counts["entries in the trail, which holds"] = trail.entries
    report.seconds = time.perf_counter() - began
    return report


def _track_all(tenant: Tenant, histories: list[History], report: Report) -> dict[str, TrackedConfig]:
    rtype = catalogue.get(world.ASSIST)
    found = dict(discovery.discover(tenant, rtype, connections.connect(tenant)))
    names = {history.name for history in histories}
    report.check(found.keys() == names, f"Listed were {sorted(found.keys() ^ names)} more or less than there are.")
    report.counts["configurations"] = len(histories)
    report.counts["versions"] = sum(len(history.files) for history in histories)
    tracked = capture.track(tenant, rtype, found).added
    return {config.object_id: config for config in tracked}


@dataclass
class _Taking:
    """One configuration on its way."""

    config: TrackedConfig
    history: History
    served: Served
    people: world.People
    report: Report
    kept: list[File] = field(default_factory=list)
    """The versions that were imported."""

    def take(self) -> None:
        self._import()
        for file in self.kept:
            self._show(file)
        for before, after in pairwise(self.kept):
            self._compare(before, after)
        if len(self.kept) > 2:
            self._compare(self.kept[0], self.kept[-1])
            self._compare(self.kept[-1], self.kept[0])
        if self.kept:
            self._blame()
        undone = [file for before, file in pairwise(self.kept) if self._undo(before, file)]
        for file in self._targets():
            self._go_back(file)
        if len(undone) > 1:
            self._carry_out(undone[-2])

    def _what(self, file: File) -> str:
        return f"{self.history.name} v{file.number}"

    def _import(self) -> None:
        """Look at live and import the history: everything that is JSON, and nothing else."""
        platform = connections.connect(self.config.tenant)
        newest = self.history.files[-1]
        with self.report.timed("look at live", self.history.name):
            look = capture.look(self.config, platform, now=timezone.now())
        expected = "unreadable" if newest.fault else "first"
        self.report.check(look.outcome == expected, f"{self._what(newest)} as live was {look.outcome}: {look.detail}")
        with self.report.timed("import a history over HTTP", f"{self.history.name}, {len(self.history.files)}"):
            imported = importing.import_history(self.config, platform)
        self.report.check(not imported.stopped, f"{self.history.name}: {imported.stopped}")
        refused = dict(imported.refused)
        for file in self.history.files:
            kept = self.config.snapshots.filter(version=file.number).exists()
            self.report.counts["versions imported"] += kept
            if kept:
                self.kept.append(file)
            if file.fault:
                said = refused.pop(str(file.number), look.detail if file is newest else "")
                self.report.check(bool(said) and not kept, f"{self._what(file)} is no JSON and was imported.")
                self.report.refuse(self._what(file), step="import", kind="the file is no JSON", sentence=said)
            else:
                self.report.check(
                    kept, f"{self._what(file)} was not imported: {refused.pop(str(file.number), 'no reason was given')}"
                )
        self.report.check(not refused, f"{self.history.name}: refused without a file: {refused}")

    def _show(self, file: File) -> None:
        """Print a version as `show` does: the platform's very answer, and in it the file's very bytes."""
        words = ("show", ORGANIZATION, self.config.address, str(file.number))
        with self.report.timed("show a version", self._what(file)):
            shown = run(*words)
        self.report.check(shown.code == 0, f"{self._what(file)} cannot be shown: {shown.err}")
        newest = file is self.history.files[-1]
        answer = self.served.bytes_of(self.history.name, None if newest else file.number)
        equal = self.report.check(shown.raw == answer, f"{self._what(file)} is shown with other bytes than served.")
        # With the white space around the value, which the practice platform serves as it stands in the file.
        held = b'"content":' + file.raw + b"," in shown.raw
        cut = extract(shown.raw, "/content") == file.value_bytes if shown.code == 0 else False
        self.report.check(held and cut, f"{self._what(file)} is shown with other content than the file has.")
        self.report.counts["versions shown byte for byte"] += equal and held and cut
        self.report.counts["bytes of content shown"] += len(file.raw)

    def _compare(self, before: File, after: File) -> None:
        """Compare two versions as the compare page does."""
        what = f"{self.history.name} v{before.number} to v{after.number}"
        old, new = (archive.value_of(world.version(self.config, file.number)) for file in (before, after))
        rtype = world.type_of(self.config)
        with self.report.timed("compare two versions", what):
            difference = compare(old, new, identity_keys=rtype.identity_keys, volatile=rtype.volatile)
        with self.report.timed("lay them out in rows", what):
            beside = Layout(old, new, difference)
        with self.report.timed("patch one into the other", what):
            made = patched(old, patch_of(difference))
        exact = self.report.check(digest(made) == digest(new), f"{what}: the patch between them gives something else.")
        self.report.counts["patches that give exactly the other side"] += exact
        changes = [change for change in difference.changes if change.path.startswith("/content")]
        equal = same(before.value, after.value)
        self.report.check(
            equal is not bool(changes),
            f"{what}: {len(changes)} changes were found, but the files are {'equal' if equal else 'different'}.",
        )
        marked = {index for _, index in beside.anchors}
        self.report.check(
            marked == set(range(len(difference.changes))), f"{what}: not every change has its row on the page."
        )
        anchors = {compare_page.anchor_of(change) for change in difference.changes}
        self.report.check(len(anchors) == len(difference.changes), f"{what}: two changes share one link.")
        led = all(
            beside.row_of(change.path, side="before" if change.kind == "removed" else "after") == (row, True)
            for row, change in ((row, difference.changes[index]) for row, index in beside.anchors)
        )
        self.report.check(led, f"{what}: the link of a change leads to another row.")
        self.report.counts["pairs compared"] += 1
        self.report.counts["pairs that differ in spelling only"] += equal
        self.report.counts["changes found"] += len(changes)

    def _blame(self) -> None:
        """Name for each field of the last version the one after which it did not change, as the page does."""
        newest = world.version(self.config, self.kept[-1].number)
        what = f"{self.history.name}, {len(self.kept)}"
        with self.report.timed("blame, no version compared before", what):
            blamed = blaming.blame_of(newest)
        with self.report.timed("blame again", what):
            blamed = blaming.blame_of(newest)
        numbers = {place: writer.snapshot.version for place, writer in blamed.writers.items()}
        in_order = numbers == {place: file.number for place, file in enumerate(self.kept)}
        self.report.check(in_order, f"{what}: the versions are blamed in the order {numbers}.")
        fields = [
            field._replace(path=field.path.removeprefix("/content"))
            for field in blamed.blame.fields(blamed.value, under="/content")
        ]
        wrong = wrongly_blamed(fields, [json.loads(file.value_bytes) for file in self.kept])
        self.report.check(not wrong, f"{what}: the files say of {wrong[:3]} that another version wrote it last.")
        values: list[Value] = [archive.value_of(world.version(self.config, file.number)) for file in self.kept]
        marks = carried(values, identity_keys=world.type_of(self.config).identity_keys)
        scalars = {
            f"/content{field.path}": field.told.since for field in fields if not isinstance(field.value, dict | list)
        }
        told = {path: mark for path, mark in scalars_of(marks).items() if path in scalars}
        same_marks = self.report.check(told == scalars, f"{what}: the patches carry another blame than the page shows.")
        self.report.counts["fields of last versions blamed on the right version"] += len(fields) if same_marks else 0

    def _undo(self, before: File, file: File) -> bool:
        """Compose live without what one version changed; give whether that is something to carry out."""
        what = f"undoing {self._what(file)}"
        rtype, newest = world.type_of(self.config), self.kept[-1]
        first, live = (world.version(self.config, one.number) for one in (file, newest))
        wish = composing.Wish(undone=archive.bytes_of(first))
        target = archive.bytes_of(world.version(self.config, before.number))
        with self.report.timed("undo one version", what):
            found = composing.wanted(rtype, target=target, live=archive.bytes_of(live), wish=wish)
        content = File(0, extract(found.raw, "/content"))
        if found.overlaps:
            self._check_overlaps(what, found.overlaps, file)
            self.report.counts["undone versions that later work overlaps, said by whom"] += 1
            return False
        wrong = list(faults(before.value, file.value, newest.value, content.value))
        self.report.check(not wrong, f"{what} left something else than it must: {wrong[:3]}")
        if file is newest:
            self.report.check(same(content.value, before.value), f"{what} is not the version before it.")
        self.report.counts["undone versions that leave exactly the rest"] += not wrong
        return not same(content.value, newest.value)

    def _check_overlaps(self, what: str, overlaps: Sequence[Overlap], file: File) -> None:
        """Check that each overlap is one, and that each version that is named did touch that place."""
        rtype, live = world.type_of(self.config), world.version(self.config, self.kept[-1].number)
        first = world.version(self.config, file.number)
        steps = collateral.steps_between(rtype, self.config, first=first, last=live)
        for told in collateral.told_overlaps(rtype, overlaps, steps):
            sides = told.overlap.base, told.overlap.live, told.overlap.other
            apart = all(one is not other and one != other for one, other in combinations(sides, 2))
            self.report.check(apart or told.overlap.order, f"{what}: {told.place} is said to overlap and does not.")
            self.report.check(bool(told.authors), f"{what}: {told.place} overlaps and no later version is named.")

    def _carry_out(self, file: File) -> None:
        """Undo one version on what is live by now, through the whole protocol."""
        what = f"undoing {self._what(file)}"
        reverts = world.version(self.config, file.number)
        target = actions.before(reverts)
        live = File(0, extract(self.served.bytes_of(self.history.name), "/content"))
        if not self.report.check(target is not None, f"{what}: the version before it is not known.") or target is None:
            return
        try:
            rollback = actions.request_rollback(
                self.config,
                target,
                reverts=reverts,
                reason="Proving on real configurations that one version is undone",
                acting_user=self.people.alice,
            )
        except actions.RequestRefused as refused:
            guards = {check.guard for check in refused.refusals}
            self.report.check(guards <= {"overlap", "no_op"}, f"{what} was refused: {refused}")
            self.report.counts["undos refused on what was live by then"] += 1
            return
        actions.approve_rollback(rollback, acting_user=self.people.bob, plan_digest=rollback.plan_digest)
        rollback = applying.apply(rollback.pk)
        ended = (rollback.state, rollback.verdict) == ("applied", "verified")
        self.report.check(ended, f"{what} ended as {rollback.state}, {rollback.verdict}: {rollback.explanation}")
        made = File(0, extract(self.served.bytes_of(self.history.name), "/content"))
        before = File(0, extract(archive.bytes_of(target), "/content"))
        wrong = list(faults(before.value, file.value, live.value, made.value))
        self.report.check(not wrong, f"{what} left something else on the platform than it must: {wrong[:3]}")
        self.report.counts["undos of one version verified on the platform"] += ended and not wrong

    def _targets(self) -> list[File]:
        """Choose old versions far apart: the first, the middle, the one before last; the only one where it is alone."""
        if len(self.kept) < 2:
            return self.kept
        chosen = {0, (len(self.kept) - 1) // 2, len(self.kept) - 2}
        return [self.kept[index] for index in sorted(chosen)]

    def _go_back(self, file: File) -> None:
        """Go back to a version through the whole protocol, and look at the platform's own log for what it did."""
        what = self._what(file)
        live = self.served.bytes_of(self.history.name)
        before = len(self.served.writes(self.history.name))
        try:
            with self.report.timed("roll back: plan and request", what):
                rollback = actions.request_rollback(
                    self.config,
                    world.version(self.config, file.number),
                    reason="Proving the way back on real configurations",
                    acting_user=self.people.alice,
                )
        except actions.RequestRefused as refused:
            guards = [check.guard for check in refused.refusals]
            is_live = same(File(0, extract(live, "/content")).value, file.value)
            self.report.check(guards == ["no_op"] and is_live, f"Back to {what} was refused: {refused}")
            self.report.refuse(what, step="roll back", kind="live has this content already", sentence=str(refused))
            self.report.check(
                len(self.served.writes(self.history.name)) == before, f"Back to {what} was refused and written."
            )
            return
        with self.report.timed("roll back: approve", what):
            actions.approve_rollback(rollback, acting_user=self.people.bob, plan_digest=rollback.plan_digest)
        with self.report.timed("roll back: send, read, verify", what):
            rollback = applying.apply(rollback.pk)
        self._check_landed(file, rollback, before=before)

    def _check_landed(self, file: File, rollback: Rollback, *, before: int) -> None:
        what = self._what(file)
        said = f"{rollback.state}, {rollback.verdict or 'no verdict'}: {rollback.explanation}"
        verified = self.report.check(
            (rollback.state, rollback.verdict) == ("applied", "verified"), f"Back to {what} ended as {said}"
        )
        writes = self.served.writes(self.history.name)[before:]
        etag = bytes(rollback.base_etag or b"").decode()
        once = [(one["sha256"], one["if_match"], one["version"]) for one in writes] == [
            (rollback.steps.get().body_sha256, etag, rollback.expected_version)
        ]
        self.report.check(once, f"Back to {what}: the platform's log shows {writes}.")
        live = extract(self.served.bytes_of(self.history.name), "/content") == file.value_bytes
        self.report.check(live, f"Back to {what}: live has other bytes than the file.")
        self.report.counts["rollbacks verified, one accepted write each"] += verified and once
        self.report.counts["rollbacks after which live has the file's bytes"] += live
