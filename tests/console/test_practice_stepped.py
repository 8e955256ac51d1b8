"""Types that the platform takes back in steps of its own: decision tables, knowledge documents, data actions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from console.practice.server import PracticeServer
from tests.console.practice_world import NOW, Caller, calling

TABLES = "/api/v2/businessrules/decisiontables"
BASES = "/api/v2/knowledge/knowledgebases"
ACTIONS = "/api/v2/integrations/actions"


@pytest.fixture
def bank() -> Iterator[Caller]:
    with PracticeServer(now=NOW) as platform, calling(platform) as caller:
        yield caller


def only(caller: Caller, path: str) -> dict[str, Any]:
    """Return the one object of a list."""
    answer = caller.get(path)
    assert answer.status_code == 200, answer.text
    [one] = answer.json()["entities"]
    return dict(one)


def patch(caller: Caller, path: str, body: dict[str, Any]) -> requests.Response:
    return caller.session.patch(caller.platform.url + path, json=body, timeout=60)


def table_of(caller: Caller) -> str:
    return f"{TABLES}/{only(caller, TABLES)['id']}"


def document_of(caller: Caller, title: str = "When is my branch open?") -> str:
    documents = f"{BASES}/{only(caller, BASES)['id']}/documents"
    [found] = [one["id"] for one in caller.get(documents).json()["entities"] if one["title"] == title]
    return f"{documents}/{found}"


def action_of(caller: Caller) -> str:
    return f"{ACTIONS}/{only(caller, ACTIONS)['id']}"


def statuses(caller: Caller, table: str) -> list[tuple[int, str]]:
    return [(one["version"], one["status"]) for one in caller.get(f"{table}/versions").json()["entities"]]


def test_rolling_a_decision_table_back_publishes_the_superseded_version_again_and_makes_none(bank: Caller) -> None:
    table = table_of(bank)
    before = bank.get(table).json()
    assert (before["published"]["version"], before["latestVersionStatus"]) == (4, "Published")
    answer = bank.post(f"{table}/versions/3/rollback", {"rollbackReason": "Stolen cards wait in Billing"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["version"], told["status"], told["rollbackReason"]) == (3, "Published", "Stolen cards wait in Billing")
    after = bank.get(table).json()
    assert (after["published"]["version"], after["latest"]["version"]) == (3, 4)
    assert (after["latestVersionStatus"], after["datePublished"]) == ("Superseded", told["datePublished"])
    assert statuses(bank, table) == [(4, "Superseded"), (3, "Published"), (2, "Superseded"), (1, "Superseded")]
    [write] = bank.platform.writes()
    assert (write["method"], write["path"], write["family"]) == ("POST", answer.request.path_url, "decisiontable")


def test_only_a_superseded_version_is_rolled_back_to_and_the_note_goes_when_it_is_superseded_again(
    bank: Caller,
) -> None:
    table = table_of(bank)
    live = bank.post(f"{table}/versions/4/rollback", {})
    assert (live.status_code, live.json()["code"]) == (409, "general.conflict")
    assert "Version 4 of the decision table is Published; it must be Superseded." in live.json()["message"]
    assert bank.post(f"{table}/versions/9/rollback", {}).status_code == 404
    assert bank.session.post(f"{bank.platform.url}{table}/versions/2/rollback", timeout=60).status_code == 200
    assert bank.post(f"{table}/versions/3/rollback", {"rollbackReason": "Gold first"}).status_code == 200
    assert bank.post(f"{table}/versions/4/rollback", {"rollbackReason": "x" * 201}).json()["code"] == "invalid.value"
    assert bank.post(f"{table}/versions/4/rollback", {"reason": "typo"}).json()["code"] == "invalid.property"
    assert bank.post(f"{table}/versions/4/rollback", {}).status_code == 200
    assert "rollbackReason" not in bank.get(f"{table}/versions/3").json()
    assert [one["version"] for one in bank.platform.writes()] == [5, 6, 7]


def test_the_rows_of_a_version_are_read_below_it_and_stay_what_they_were(bank: Caller) -> None:
    table = table_of(bank)
    rows = {v: bank.get(f"{table}/versions/{v}/rows?pageSize=100").json() for v in (3, 4)}
    assert [rows[v]["total"] for v in (3, 4)] == [bank.get(f"{table}/versions/{v}").json()["rowCount"] for v in (3, 4)]
    assert rows[3]["entities"][0]["outputs"]["queue"] == {"literal": {"string": "Fraud desk – 24 h"}}
    assert rows[4]["entities"][0]["outputs"]["queue"] == {"literal": {"string": "Billing – EMEA"}}
    bank.post(f"{table}/versions/3/rollback", {})
    assert bank.get(f"{table}/versions/3/rows?pageSize=100").json() == rows[3]


def test_a_patch_of_a_decision_table_changes_its_name_and_publishes_nothing(bank: Caller) -> None:
    table = table_of(bank)
    written = patch(bank, table, {"name": "Call routing – night"}).json()
    assert (written["name"], written["published"]["version"]) == ("Call routing – night", 4)
    for inner in ("versions", "published"):
        refused = patch(bank, table, {inner: 1})
        assert refused.status_code == (400 if inner == "versions" else 200), refused.text
    assert bank.get(table).json()["published"]["version"] == 4
    assert bank.get(f"{table}/versions?status=Published").json()["entities"][0]["version"] == 4


def test_a_write_to_a_decision_table_needs_every_permission_and_the_answer_names_what_is_missing(bank: Caller) -> None:
    table = table_of(bank)
    bank.platform.platform.control.set_permissions({"organization": "northwind", "remove": ["routing:queue:view"]})
    refused = bank.post(f"{table}/versions/3/rollback", {})
    assert (refused.status_code, refused.json()["code"]) == (403, "missing.any.permissions")
    assert refused.json()["message"].endswith("[routing:queue:view]")
    assert bank.get(table).status_code == 200
    assert bank.platform.writes() == []


def test_somebody_else_makes_a_draft_and_publishes_it_just_before_a_rollback(bank: Caller) -> None:
    table = table_of(bank)
    bank.platform.foreign_write("", step={"path": f"{table}/versions"}, by="Ines Duarte")
    bank.platform.add_fault(
        "foreign_write",
        path="/rollback$",
        by="Ines Duarte",
        step={"method": "PUT", "path": f"{table}/versions/5/publish"},
    )
    assert bank.post(f"{table}/versions/3/rollback", {}).status_code == 200
    assert statuses(bank, table)[:3] == [(5, "Superseded"), (4, "Superseded"), (3, "Published")]
    draft, published, ours = bank.platform.writes()
    assert [one["by"]["name"] for one in (draft, published)] == ["Ines Duarte", "Ines Duarte"]
    assert (published["client"], ours["client"]) == (None, bank.platform.credentials["northwind"].client_id)


def test_restoring_a_document_makes_a_new_version_with_the_old_content(bank: Caller) -> None:
    document = document_of(bank)
    live = bank.get(f"{document}?expand=variations").json()
    versions = bank.get(f"{document}/versions").json()["entities"]
    assert [one["versionNumber"] for one in versions] == [3, 2, 1]
    assert live["documentVersion"]["id"] == versions[0]["id"]
    old = bank.get(f"{document}/versions/{versions[1]['id']}?expand=variations").json()
    assert old["document"]["variations"] != live["variations"]
    made = bank.post(f"{document}/versions", {"restoreFromVersionId": old["id"]})
    assert made.status_code == 200, made.text
    assert (made.json()["versionNumber"], made.json()["restoreFromVersionId"]) == (4, old["id"])
    after = bank.get(f"{document}?expand=variations").json()
    assert (after["lastPublishedVersionNumber"], after["documentVersion"]["id"]) == (4, made.json()["id"])
    assert after["variations"] == old["document"]["variations"]
    again = bank.get(f"{document}/versions/{made.json()['id']}?expand=variations").json()
    assert again["document"]["variations"] == after["variations"]
    assert again["id"] not in {one["id"] for one in versions}


def test_a_version_that_is_gone_is_named_and_nothing_is_restored(bank: Caller) -> None:
    document = document_of(bank)
    refused = bank.post(f"{document}/versions", {"restoreFromVersionId": "6f1f1c35-0000-4000-8000-000000000000"})
    assert (refused.status_code, refused.json()["code"]) == (400, "knowledge.document.version.not.found")
    assert refused.json()["messageParams"]["id"] == "6f1f1c35-0000-4000-8000-000000000000"
    assert bank.post(f"{document}/versions", {"versionRevert": 2}).json()["code"] == "invalid.property"
    assert bank.get(document).json()["lastPublishedVersionNumber"] == 3
    assert bank.platform.writes() == []


def test_a_patch_changes_the_draft_of_a_document_and_publishing_makes_it_the_document(bank: Caller) -> None:
    document = document_of(bank)
    draft = patch(bank, document, {"title": "Branch opening hours"}).json()
    assert (draft["title"], draft["state"]) == ("Branch opening hours", "Draft")
    assert bank.get(document).json()["title"] == "When is my branch open?"
    assert bank.get(f"{document}?state=Draft").json()["title"] == "Branch opening hours"
    assert bank.post(f"{document}/versions", {}).json()["versionNumber"] == 4
    assert bank.get(document).json()["title"] == "Branch opening hours"
    refused = patch(bank, document, {"labelIds": ["gone"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "knowledge.label.not.found")


def test_a_document_shows_category_labels_and_variations_to_who_asks_for_them(bank: Caller) -> None:
    document = document_of(bank)
    assert not {"category", "labels", "variations"} & bank.get(document).json().keys()
    whole = bank.get(f"{document}?expand=category,labels,variations").json()
    assert (whole["category"]["name"], len(whole["labels"]), len(whole["variations"])) == ("Branches", 2, 1)
    [version] = bank.get(f"{document}/versions?pageSize=1&expand=variations").json()["entities"]
    assert version["document"]["variations"] == whole["variations"]


def test_a_data_action_goes_through_a_draft_whose_version_is_echoed(bank: Caller) -> None:
    action = action_of(bank)
    assert "config" not in bank.get(action).json()
    live = bank.get(f"{action}?includeConfig=true").json()
    assert live["version"] == 3
    assert bank.get(f"{action}/draft").status_code == 404
    draft = bank.post(f"{action}/draft", None).json()
    assert draft["version"] == 1
    assert bank.post(f"{action}/draft", None).status_code == 409
    config = {**live["config"], "timeoutSeconds": 5}
    changed = patch(bank, f"{action}/draft", {"version": draft["version"], "config": config}).json()
    assert (changed["version"], changed["config"]) == (draft["version"] + 1, config)
    stale = bank.post(f"{action}/draft/publish", {"version": draft["version"]})
    assert (stale.status_code, stale.json()["code"]) == (400, "bad.request")
    assert "does not match latest draft version" in stale.json()["message"]
    assert bank.get(f"{action}?includeConfig=true").json() == live
    published = bank.post(f"{action}/draft/publish", {"version": changed["version"]}).json()
    assert published == {**live, "config": config, "version": 4}
    assert bank.get(f"{action}/draft").status_code == 404
    assert bank.post(f"{action}/draft/publish", {"version": changed["version"]}).status_code == 404
    assert [(one["family"], one["method"]) for one in bank.platform.writes()] == [
        ("actiondraft", "POST"),
        ("actiondraft", "PATCH"),
        ("action", "POST"),
    ]


def test_a_draft_of_a_data_action_is_guarded_changed_by_somebody_else_and_thrown_away(bank: Caller) -> None:
    action = action_of(bank)
    version = bank.post(f"{action}/draft", None).json()["version"]
    assert bank.platform.foreign_write(f"{action}/draft")["family"] == "actiondraft"
    lost = patch(bank, f"{action}/draft", {"version": version, "name": "Look up order (old)"})
    assert (lost.status_code, lost.json()["code"]) == (400, "bad.request")
    assert patch(bank, f"{action}/draft", {"version": version + 1, "secure": True}).json()["secure"] is True
    assert bank.session.delete(f"{bank.platform.url}{action}/draft", timeout=60).status_code == 204
    assert bank.get(f"{action}/draft").status_code == 404
    again = bank.post(f"{action}/draft", None).json()
    assert (again["secure"], again["version"]) == (False, 1)


def test_the_contract_of_a_data_action_is_changed_through_its_draft_only(bank: Caller) -> None:
    action = action_of(bank)
    body = {"version": 3, "name": "Look up order", "category": "Payments core"}
    refused = patch(bank, action, {**body, "contract": {}})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid.property")
    assert patch(bank, action, {**body, "category": "Payments"}).json()["version"] == 4
    assert patch(bank, action, body).status_code == 400


@pytest.mark.parametrize(("kind", "written"), [("drop_before_commit", False), ("drop_after_commit", True)])
@pytest.mark.parametrize("what", ["rollback", "restore", "draft"])
def test_a_step_whose_connection_breaks_was_made_or_not_and_the_journal_of_writes_knows(
    bank: Caller, kind: str, written: bool, what: str
) -> None:
    document = document_of(bank)
    oldest = bank.get(f"{document}/versions").json()["entities"][-1]["id"]
    path, body = {
        "rollback": (f"{table_of(bank)}/versions/3/rollback", {}),
        "restore": (f"{document}/versions", {"restoreFromVersionId": oldest}),
        "draft": (f"{action_of(bank)}/draft", None),
    }[what]
    bank.platform.add_fault(kind)
    with pytest.raises(requests.ConnectionError, match=r"reset|aborted"):
        bank.post(path, body)
    assert len(bank.platform.writes()) == written


def test_a_patch_and_a_post_can_be_locked_and_a_query_is_no_write(bank: Caller) -> None:
    bank.platform.add_fault("locked_409", times=2)
    assert bank.post("/api/v2/audits/query/realtime", {}).status_code == 200
    bank.renew()
    assert patch(bank, table_of(bank), {"name": "Nothing"}).json()["code"] == "general.conflict"
    assert bank.post(f"{table_of(bank)}/versions/3/rollback", {}).status_code == 409
    assert bank.platform.writes() == []


def test_a_stale_read_shows_the_table_the_document_and_the_action_of_before(bank: Caller) -> None:
    table, document, action = table_of(bank), document_of(bank), action_of(bank)
    bank.post(f"{table}/versions/3/rollback", {})
    oldest = bank.get(f"{document}/versions").json()["entities"][-1]["id"]
    bank.post(f"{document}/versions", {"restoreFromVersionId": oldest})
    version = bank.post(f"{action}/draft", None).json()["version"]
    bank.post(f"{action}/draft/publish", {"version": version})
    bank.platform.add_fault("stale_reads", times=4)
    assert bank.get(table).json()["published"]["version"] == 4
    assert bank.get(document).json()["lastPublishedVersionNumber"] == 3
    assert bank.get(action).json()["version"] == 3
    assert bank.get(f"{action}/draft").status_code == 200
    assert bank.get(action).json()["version"] == 4


def test_what_was_published_is_there_after_a_restart_and_the_draft_is_gone_with_it(tmp_path: Path) -> None:
    with PracticeServer(now=NOW, data_dir=tmp_path) as platform, calling(platform) as caller:
        action = action_of(caller)
        version = caller.post(f"{action}/draft", None).json()["version"]
        caller.post(f"{action}/draft/publish", {"version": version})
        caller.post(f"{table_of(caller)}/versions/2/rollback", {})
    with PracticeServer(now=NOW, data_dir=tmp_path) as platform, calling(platform) as caller:
        assert caller.get(action).json()["version"] == 4
        assert caller.get(f"{action}/draft").status_code == 404
        assert caller.get(table_of(caller)).json()["published"]["version"] == 2
        assert len(platform.writes()) == 3


def test_a_foreign_step_that_the_platform_refuses_is_refused_and_one_that_writes_nothing_is_named(bank: Caller) -> None:
    url = f"{bank.platform.url}/practice/foreign-write"
    told = {"organization": "northwind", "step": {"path": f"{table_of(bank)}/versions/4/rollback"}}
    assert requests.post(url, json=told, timeout=60).status_code == 409
    nothing = {**told, "step": {"method": "GET", "path": table_of(bank)}}
    assert "writes nothing" in requests.post(url, json=nothing, timeout=60).json()["message"]
    assert requests.post(url, json={**told, "step": {"verb": "POST"}}, timeout=60).status_code == 400
    assert bank.platform.writes() == []
