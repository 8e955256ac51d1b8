"""The declared families of the published platform: their guards, their refusals, and what a journal makes of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.practice.declared import Declared
from console.practice.organizations import found_organizations
from console.practice.permissions import EVERYTHING
from console.practice.published import PUBLISHED
from console.practice.server import PracticeServer
from console.practice.web import Deployments, Drafts, WebConfigurations
from tests.console.practice_world import NOW, Caller, calling

FAMILIES: list[type[Declared]] = [*PUBLISHED, WebConfigurations, Drafts, Deployments]
WEB = "/api/v2/webdeployments/configurations"


@pytest.fixture
def bank() -> Iterator[Caller]:
    with PracticeServer(now=NOW) as platform, calling(platform) as caller:
        yield caller


def listed(caller: Caller, path: str) -> list[dict[str, object]]:
    answer = caller.get(path)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["entities"])


@pytest.mark.parametrize("one", PUBLISHED, ids=lambda one: one.family)
def test_every_family_is_there_in_every_organization_and_asks_for_permissions_that_exist(one: type[Declared]) -> None:
    [mount] = one.mounts
    for needed in (mount.read, mount.write):
        assert not needed or set(needed.split()) & EVERYTHING
    for organization in found_organizations(NOW):
        objects = organization.of_family(one.family)
        assert objects, organization.slug
        for stored in objects:
            assert set(stored.live.members) == set(one.writable)
            assert all(stored.live.members[key] != b"null" for key in one.required if key in one.writable)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v2/outbound/contactlists", 409, "invalid.update.wrong.version"),
        ("/api/v2/outbound/dnclists", 409, "invalid.update.wrong.version"),
        ("/api/v2/groups", 409, "general.conflict"),
        ("/api/v2/architect/schedules", 400, "bad.request"),
        ("/api/v2/telephony/providers/edges/sites", 400, "bad.request"),
        ("/api/v2/responsemanagement/libraries", 400, "bad.request"),
    ],
)
def test_the_body_echoes_the_live_version_and_each_service_refuses_a_stale_one_in_its_own_way(
    bank: Caller, path: str, status: int, code: str
) -> None:
    path = f"{path}/{listed(bank, path)[0]['id']}"
    body = bank.get(path).json()
    written = bank.put(path, {**body, "name": "Renamed"})
    assert (written.status_code, written.json()["version"]) == (200, body["version"] + 1), written.text
    for wrong in (body["version"], body["version"] + 2):
        lost = bank.put(path, {**body, "version": wrong})
        assert (lost.status_code, lost.json()["code"]) == (status, code)
    assert bank.get(path).json()["name"] == "Renamed"
    assert len(bank.platform.writes()) == 1


def test_a_patch_leaves_alone_what_it_does_not_name_and_is_guarded_like_a_put(bank: Caller) -> None:
    path = f"/api/v2/users/{listed(bank, '/api/v2/users')[1]['id']}"
    body = bank.get(path).json()
    url = bank.platform.url + path
    written = bank.session.patch(url, json={"title": "Editor in chief", "version": body["version"]}, timeout=60).json()
    assert written == {**body, "title": "Editor in chief", "version": body["version"] + 1}
    lost = bank.session.patch(url, json={"title": "Nobody", "version": body["version"]}, timeout=60)
    assert (lost.status_code, lost.json()["code"]) == (409, "general.conflict")
    assert bank.put(path, body).status_code == 405
    assert bank.get(path).json()["title"] == "Editor in chief"


def test_the_columns_of_a_contact_list_are_fixed_for_good(bank: Caller) -> None:
    path = f"/api/v2/outbound/contactlists/{listed(bank, '/api/v2/outbound/contactlists')[0]['id']}"
    body = bank.get(path).json()
    refused = bank.put(path, {**body, "phoneColumns": body["phoneColumns"][:1]})
    assert (refused.status_code, refused.json()["code"]) == (400, "cannot.update.phone.columns")
    assert bank.put(path, {**body, "retentionDays": 90}).status_code == 200


def test_a_schedule_that_is_gone_is_named_when_an_old_schedule_group_is_put_back(bank: Caller) -> None:
    path = f"/api/v2/architect/schedulegroups/{listed(bank, '/api/v2/architect/schedulegroups')[0]['id']}"
    body = bank.get(path).json()
    gone = body["openSchedules"][0]["id"]
    bank.platform.platform.control.delete({"object": f"/api/v2/architect/schedules/{gone}"})
    refused = bank.put(path, body)
    assert (refused.status_code, refused.json()["code"]) == (400, "architect.schedule.not.found")
    assert gone in refused.json()["message"]
    assert bank.put(path, {**body, "openSchedules": body["openSchedules"][1:]}).status_code == 200


def test_a_managed_site_is_refused_with_a_409_that_is_no_lost_race(bank: Caller) -> None:
    sites = "/api/v2/telephony/providers/edges/sites"
    managed = next(one for one in listed(bank, sites) if one["managed"])
    body = bank.get(f"{sites}/{managed['id']}").json()
    refused = bank.put(f"{sites}/{managed['id']}", body)
    assert (refused.status_code, refused.json()["message"]) == (409, "A managed site cannot be updated.")


def test_responses_are_listed_one_library_at_a_time(bank: Caller) -> None:
    responses = "/api/v2/responsemanagement/responses"
    assert bank.get(responses).status_code == 400
    libraries = listed(bank, "/api/v2/responsemanagement/libraries")
    counts = [len(listed(bank, f"{responses}?libraryId={one['id']}")) for one in libraries]
    assert counts == [2, 1]


def test_a_draft_is_published_only_when_it_has_settled_and_the_deployment_then_takes_the_new_version(
    bank: Caller,
) -> None:
    bank.platform.set_switches("northwind", propagation_seconds=3600)
    [configuration] = listed(bank, WEB)
    path = f"{WEB}/{configuration['id']}/versions"
    draft = bank.get(f"{path}/draft").json()
    assert (draft["version"], draft["status"]) == ("DRAFT", "Active")
    saved = bank.put(f"{path}/draft", {**draft, "description": "Second privacy notice"}).json()
    assert saved["status"] == "Pending"
    early = bank.session.post(f"{bank.platform.url}{path}/draft/publish", timeout=60)
    assert (early.status_code, early.json()["code"]) == (409, "web.deployments.configuration.not.active")
    bank.platform.set_switches("northwind", propagation_seconds=0)
    published = bank.session.post(f"{bank.platform.url}{path}/draft/publish", timeout=60).json()
    assert (published["version"], published["description"]) == ("3", "Second privacy notice")
    assert [one["version"] for one in listed(bank, path)] == ["1", "2", "3"]
    assert bank.get(f"{path}/2").json()["version"] == "2"
    [deployment] = listed(bank, "/api/v2/webdeployments/deployments")
    where = f"/api/v2/webdeployments/deployments/{deployment['id']}"
    body = bank.get(where).json()
    unknown = bank.put(where, {**body, "configuration": {"id": configuration["id"], "version": "9"}})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "invalid.value")
    repointed = bank.put(where, {**body, "configuration": {"id": configuration["id"], "version": "3"}})
    assert repointed.json()["configuration"]["version"] == "3"


def test_a_cursor_leads_through_all_versions_and_a_made_up_one_is_refused(bank: Caller) -> None:
    [configuration] = listed(bank, WEB)
    path = f"{WEB}/{configuration['id']}/versions?pageSize=1"
    first = bank.get(path).json()
    second = bank.get(first["nextUri"]).json()
    assert [first["entities"][0]["version"], second["entities"][0]["version"]] == ["1", "2"]
    assert "nextUri" not in second
    assert bank.get(path + "&after=elsewhere").status_code == 400


def test_somebody_else_can_write_a_draft_and_a_published_version(bank: Caller) -> None:
    [configuration] = listed(bank, WEB)
    path = f"{WEB}/{configuration['id']}"
    assert bank.platform.foreign_write(f"{path}/versions/draft")["family"] == "webdraft"
    assert bank.platform.foreign_write(path)["family"] == "webconfig"
    assert bank.get(f"{path}/versions/draft").json()["name"].endswith("(edited)")


def test_a_folder_of_an_older_platform_gets_the_new_families_and_keeps_what_it_has(tmp_path: Path) -> None:
    with PracticeServer(now=NOW, data_dir=tmp_path):
        pass
    journal = tmp_path / "journal.jsonl"
    new = {one.family for one in FAMILIES}
    lines = journal.read_text().splitlines()
    old = [line for line in lines if json.loads(line).get("family") not in new]
    assert len(old) < len(lines)
    journal.write_text("\n".join(old) + "\n")
    with PracticeServer(now=NOW, data_dir=tmp_path) as platform, calling(platform) as caller:
        assert len(listed(caller, "/api/v2/routing/wrapupcodes")) == 25
        libraries = "/api/v2/responsemanagement/libraries"
        library = f"{libraries}/{listed(caller, libraries)[0]['id']}"
        platform.platform.control.delete({"object": library})
    with PracticeServer(now=NOW, data_dir=tmp_path) as platform, calling(platform) as caller:
        assert caller.get(library).status_code == 404
