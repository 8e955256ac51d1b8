"""Live and the past of types that show them elsewhere than at the object's own path, over real HTTP."""

from dataclasses import replace

import pytest

from console.practice.server import PracticeServer
from tenants import archive, connections, discovery, importing, live
from tenants.capture import Outcome
from tenants.documents import Value, extract, resolve
from tenants.models import Snapshot, TrackedConfig
from tenants.remote.client import Platform
from tenants.remote.errors import ObjectMissing
from tenants.resource_types import Paging, catalogue
from tests import world as making
from tests.console.practice_world import calling

WEB = "webdeployments.configuration"


def tracked(practice: PracticeServer, type_name: str) -> TrackedConfig:
    """Give the bank's first object of a type, tracked and not looked at yet."""
    tenant = making.make_tenant(practice, "northwind")
    rtype = catalogue.get(type_name)
    platform = making.platform_of(TrackedConfig(tenant=tenant, resource_type=type_name))
    (object_id, _name), *_rest = discovery.discover(tenant, rtype, platform)
    return making.track(tenant, object_id, type_name=type_name)


@pytest.fixture
def messenger(practice: PracticeServer, db: None) -> TrackedConfig:
    """Give the web messenger configuration of the bank: two published versions and a draft that differs."""
    return tracked(practice, WEB)


def path_of(config: TrackedConfig) -> str:
    """Give the path below which a messenger configuration keeps its versions."""
    return f"/api/v2/webdeployments/configurations/{config.object_id}"


def asked(practice: PracticeServer, part: str) -> list[str]:
    """Give the paths of a family that were asked for, without their parameters."""
    return [one["path"].partition("?")[0] for one in practice.requests() if part in one["path"]]


def test_live_of_a_web_messenger_is_the_newest_published_version_and_never_the_draft(
    practice: PracticeServer, messenger: TrackedConfig
) -> None:
    seen = making.look(messenger)

    assert seen.outcome is Outcome.FIRST, seen.detail
    assert seen.snapshot is not None
    platform, path = making.platform_of(messenger), path_of(messenger)
    assert archive.bytes_of(seen.snapshot) == platform.read(f"{path}/versions/2").body
    assert seen.snapshot.version == 2
    draft = archive.value_from(platform.read(f"{path}/versions/draft").body)
    assert draft["description"] == "Waiting for the new privacy notice"
    assert archive.value_of(seen.snapshot).get("description") != draft["description"]


def test_a_draft_that_somebody_writes_is_no_change_and_a_publication_is_one(
    practice: PracticeServer, messenger: TrackedConfig
) -> None:
    making.look(messenger)
    path = path_of(messenger)

    practice.foreign_write(f"{path}/versions/draft", edits=[{"path": "/description", "value": "Half finished"}])
    assert making.look(messenger).outcome is Outcome.UNCHANGED

    practice.foreign_write(path, edits=[{"path": "/description", "value": "With the privacy notice"}])
    seen = making.look(messenger)
    assert seen.outcome is Outcome.CHANGED
    assert seen.snapshot is not None
    assert (seen.snapshot.version, archive.value_of(seen.snapshot)["description"]) == (3, "With the privacy notice")
    assert messenger.snapshots.count() == 2


def test_the_past_of_a_web_messenger_is_imported_by_its_texts_of_digits(
    practice: PracticeServer, messenger: TrackedConfig
) -> None:
    making.look(messenger)

    result = importing.import_history(messenger, making.platform_of(messenger))

    assert (result.imported, result.already, result.refused, result.stopped) == (1, 1, [], "")
    first = messenger.snapshots.get(version=1)
    assert first.source == Snapshot.Source.HISTORY
    assert archive.value_of(first)["version"] == "1"
    assert first.digest != messenger.snapshots.get(version=2).digest


def test_a_configuration_of_which_nothing_was_ever_published_says_so(
    practice: PracticeServer, messenger: TrackedConfig
) -> None:
    stored = practice.platform.store.organizations["northwind"].objects["webconfig", messenger.object_id]
    # A line of the list whose version is no number: only a draft was ever written.
    stored.revisions[:] = [replace(one, version=-1) for one in stored.revisions]

    seen = making.look(messenger)

    assert seen.outcome is Outcome.UNREADABLE
    assert seen.detail == (
        f"The platform lists no version of {messenger.address} at {path_of(messenger)}/versions, so nothing of it is "
        "in force. Publish it on the platform, then look again."
    )
    with pytest.raises(ObjectMissing):
        live.read(messenger, making.platform_of(messenger))


def test_a_version_that_the_list_names_and_the_platform_does_not_show_leaves_live_as_it_was(
    practice: PracticeServer, messenger: TrackedConfig
) -> None:
    making.look(messenger)
    practice.add_fault("html_200", path="/versions/2$", times=None)

    assert making.look(messenger).outcome is Outcome.UNREADABLE

    practice.clear_faults()
    messenger.refresh_from_db()
    assert messenger.live is not None
    assert messenger.live.version == 2
    assert making.look(messenger).outcome is Outcome.UNCHANGED


def test_a_look_at_a_web_messenger_reads_the_list_and_one_version(
    practice: PracticeServer, messenger: TrackedConfig
) -> None:
    before = len(asked(practice, "/webdeployments/"))

    making.look(messenger)

    path = path_of(messenger)
    assert asked(practice, "/webdeployments/")[before:] == [f"{path}/versions", f"{path}/versions/2"]


# --- knowledge documents, decision tables, data actions --------------------------------------------------------------

BASES = "/api/v2/knowledge/knowledgebases"


def entities(platform: Platform, path: str) -> list[dict[str, Value]]:
    """Give what a list of the platform shows."""
    return [archive.value_from(raw) for raw in platform.entities(path, paging=Paging.CURSOR)]


@pytest.fixture
def document(practice: PracticeServer, db: None) -> TrackedConfig:
    """Give the bank's knowledge document with the most versions, tracked and not looked at yet."""
    tenant = making.make_tenant(practice, "northwind")
    platform = connections.connect(tenant)
    (base, *_rest) = entities(platform, BASES)
    listed = entities(platform, f"{BASES}/{base['id']}/documents")
    newest = max(listed, key=lambda one: (str(one["lastPublishedVersionNumber"]), str(one["id"])))
    return making.track(tenant, f"{base['id']}~{newest['id']}", type_name="knowledge.document")


def test_a_knowledge_document_is_kept_with_what_it_says(practice: PracticeServer, document: TrackedConfig) -> None:
    seen = making.look(document)

    assert seen.outcome is Outcome.FIRST, seen.detail
    assert seen.snapshot is not None
    value = archive.value_of(seen.snapshot)
    assert seen.snapshot.version == value["lastPublishedVersionNumber"]
    assert value["variations"]
    assert value["category"]
    assert document.snapshots.count() == 1


def test_the_past_of_a_knowledge_document_is_imported_out_of_its_versions_by_their_own_keys(
    practice: PracticeServer, document: TrackedConfig
) -> None:
    making.look(document)
    platform = making.platform_of(document)
    base, _, own = document.object_id.partition("~")
    path = f"{BASES}/{base}/documents/{own}/versions"
    listed = {one["versionNumber"]: one["id"] for one in entities(platform, path)}
    assert len(listed) > 1

    result = importing.import_history(document, platform)

    assert (result.imported, result.refused, result.stopped) == (len(listed) - 1, [], "")
    for number, key in listed.items():
        raw = platform.read(f"{path}/{key}", params={"expand": "category,labels,variations"}).body
        kept = document.snapshots.get(version=int(str(number)))
        assert archive.bytes_of(kept) == extract(raw, "/document")
        assert resolve(archive.value_of(kept), "/documentVersion/id") == key
    assert len(set(document.snapshots.values_list("digest", flat=True))) == len(listed)


def test_a_version_that_was_restored_is_the_next_number_with_the_content_of_the_old_one(
    practice: PracticeServer, document: TrackedConfig
) -> None:
    making.look(document)
    platform = making.platform_of(document)
    importing.import_history(document, platform)
    oldest = document.snapshots.order_by("version")[0]
    newest = document.snapshots.order_by("-version")[0]
    base, _, own = document.object_id.partition("~")
    key = str(resolve(archive.value_of(oldest), "/documentVersion/id"))
    with calling(practice) as somebody:
        answer = somebody.post(f"{BASES}/{base}/documents/{own}/versions", {"restoreFromVersionId": key})
        assert answer.ok, answer.text

    seen = making.look(document)

    assert seen.outcome is Outcome.CHANGED
    assert seen.snapshot is not None
    assert (seen.snapshot.version, seen.snapshot.digest) == (newest.version + 1, oldest.digest)
    assert importing.read_version(document, oldest.version, platform) == oldest


def test_which_version_of_a_decision_table_is_published_is_its_content(practice: PracticeServer, db: None) -> None:
    table = tracked(practice, "businessrules.decisiontable")
    first = making.look(table).snapshot
    assert first is not None
    published = resolve(archive.value_of(first), "/published/version")
    assert isinstance(published, int)
    path = f"/api/v2/businessrules/decisiontables/{table.object_id}/versions"
    with calling(practice) as somebody:
        answer = somebody.post(f"{path}/{published - 1}/rollback", {})
        assert answer.ok, answer.text
    second = making.look(table)
    assert second.outcome is Outcome.CHANGED
    with calling(practice) as somebody:
        assert somebody.post(f"{path}/{published}/rollback", {}).ok
    third = making.look(table)

    assert third.snapshot is not None
    assert second.snapshot is not None
    assert resolve(archive.value_of(second.snapshot), "/published/version") == published - 1
    assert third.snapshot.digest == first.digest


def test_a_data_action_is_read_with_its_configuration(practice: PracticeServer, db: None) -> None:
    action = tracked(practice, "integrations.action")

    seen = making.look(action)

    assert seen.snapshot is not None, seen.detail
    assert {"config", "contract"} <= archive.value_of(seen.snapshot).keys()
