"""What can be told to the platform over HTTP, by whom, and what its front page offers."""

import html.parser
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from console.practice.answers import Request
from console.practice.server import PracticeServer
from tests.console.practice_world import CONFIG, NOW, Caller, calling


@pytest.fixture
def bank() -> Iterator[Caller]:
    with PracticeServer(now=NOW) as platform, calling(platform) as caller:
        yield caller


BROWSER = {"Content-Type": "application/x-www-form-urlencoded"}  # also where a form has no fields


def tell(bank: Caller, control: str, **told: Any) -> requests.Response:
    return requests.post(f"{bank.platform.url}/practice/{control}", json=told, timeout=60)


def test_somebody_elses_edits_become_the_next_version(bank: Caller) -> None:
    edits = [
        {"path": "/content/suggestions/minConfidence", "value": 0.5},
        {"path": "/content/tags/-", "value": "hot"},
        {"path": "/content/rules/0/name", "remove": True},
        {"path": "/trafficPercent", "value": 10},
    ]
    write = tell(bank, "foreign-write", object=CONFIG, by="Ines Duarte", edits=edits).json()
    live = bank.get(CONFIG).json()
    assert (write["version"], write["client"], live["version"]) == (43, None, 43)
    assert (live["modifiedBy"]["name"], live["modifiedByApp"], live["trafficPercent"]) == ("Ines Duarte", None, 10)
    assert (live["content"]["suggestions"]["minConfidence"], live["content"]["tags"][-1]) == (0.5, "hot")
    assert "name" not in live["content"]["rules"][0]


def test_somebody_else_can_write_a_whole_object_as_raw_text(bank: Caller) -> None:
    tell(bank, "foreign-write", object=CONFIG, body='{"name":"Billing","content":{"rate": 1.00}}')
    assert b'"content":{"rate": 1.00},"trafficPercent":0' in bank.get(CONFIG).content


@pytest.mark.parametrize(
    ("control", "told"),
    [
        ("foreign-write", {"object": "/api/v2/agentassist/configs/cfg-99"}),
        ("foreign-write", {"object": CONFIG, "edits": [{"path": "/version", "value": 7}]}),
        ("foreign-write", {"object": CONFIG, "edits": [{"path": "/content/rules/99/name", "value": "x"}]}),
        ("foreign-write", {"object": CONFIG, "edits": "all"}),
        ("foreign-write", {"object": CONFIG, "body": "{"}),
        ("foreign-write", {"object": CONFIG, "content": "request"}),
        ("faults", {"kind": "explode"}),
        ("faults", {"kind": "slow", "path": "("}),
        ("faults", {"kind": "slow", "times": 0}),
        ("faults", {"kind": "slow", "seconds": -1}),
        ("faults", {"kind": "slow", "when": "later"}),
        ("faults", {"kind": "slow", "tmies": 3}),
        ("faults", {"kind": "slow", "organization": "nobody"}),
        ("switches", {"organization": "northwind", "lost_race_status": 418}),
        ("switches", {"organization": "northwind", "unknown_keys": "keep"}),
        ("switches", {"organization": "northwind", "gzip": 1}),
        ("switches", {"organization": "northwind", "token_seconds": "long"}),
        ("switches", {"organization": "northwind", "colour": "red"}),
        ("switches", {"gzip": True}),
        ("permissions", {"organization": "northwind", "remove": 7}),
        ("permissions", {"organization": "northwind", "add": ["everything"]}),
        ("delete", {"object": "/elsewhere"}),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence_and_changes_nothing(
    bank: Caller, control: str, told: dict[str, Any]
) -> None:
    before = bank.platform.platform.control.organizations()
    refused = tell(bank, control, **told)
    assert refused.status_code in (400, 404)
    assert refused.json()["message"]
    assert bank.platform.platform.control.organizations() == before
    assert bank.platform.writes() == []
    assert bank.get(CONFIG).status_code == 200


def test_a_deleted_object_has_vanished(bank: Caller) -> None:
    assert tell(bank, "delete", object=CONFIG).json()["deleted"] is True
    assert bank.get(CONFIG).status_code == 404
    assert bank.get(CONFIG + "/versions").status_code == 404
    assert tell(bank, "foreign-write", object=CONFIG).status_code == 404


def test_rules_are_listed_and_removed(bank: Caller) -> None:
    added = tell(bank, "faults", kind="slow", seconds=0.1, times=None).json()
    assert (added["kind"], added["times"], added["hits"]) == ("slow", None, 0)
    bank.get(CONFIG)
    [standing] = requests.get(bank.platform.url + "/practice/faults", timeout=60).json()
    assert standing["hits"] == 1
    assert requests.delete(bank.platform.url + "/practice/faults", timeout=60).json() == []
    assert requests.get(bank.platform.url + "/practice/faults", timeout=60).json() == []


def test_the_logs_can_be_asked_for_one_object(bank: Caller) -> None:
    bank.platform.foreign_write(CONFIG)
    bank.platform.foreign_write("/api/v2/agentassist/configs/cfg-2")
    bank.get(CONFIG)
    url = bank.platform.url + "/practice/"
    assert [one["object"] for one in requests.get(url + "writes?object=cfg-2", timeout=60).json()] == ["cfg-2"]
    [read] = requests.get(url + "requests?object=cfg-1", timeout=60).json()
    assert (read["method"], read["status"], read["organization"]) == ("GET", 200, "northwind")


def test_a_page_of_another_site_cannot_make_a_browser_tell_the_platform_anything(bank: Caller) -> None:
    url = bank.platform.url + "/practice/foreign-write"
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        refused = requests.post(url, json={"object": CONFIG}, headers=headers, timeout=60)
        assert refused.status_code == 403
    assert bank.platform.writes() == []
    own = requests.post(url, json={"object": CONFIG}, headers={"Origin": bank.platform.url}, timeout=60)
    assert own.status_code == 200


def test_the_controls_do_not_answer_another_machine(bank: Caller) -> None:
    def ask(remote: str) -> int:
        headers = {"Host": f"127.0.0.1:{bank.platform.port}"}
        request = Request(
            "POST", "/practice/foreign-write", {}, headers, b'{"object":"%s"}' % CONFIG.encode(), remote, "x"
        )
        return bank.platform.platform.handle(request).status

    assert [ask("192.0.2.7"), ask("::ffff:192.0.2.7")] == [403, 403]
    assert bank.platform.writes() == []
    assert [ask("127.0.0.1"), ask("::1")] == [200, 200]


def test_controls_do_not_take_other_methods_or_paths(bank: Caller) -> None:
    assert requests.put(bank.platform.url + "/practice/faults", timeout=60).status_code == 405
    assert requests.get(bank.platform.url + "/practice/elsewhere", timeout=60).status_code == 404
    assert requests.post(bank.platform.url + "/practice/faults", data=b"[", timeout=60).status_code == 400


class Forms(html.parser.HTMLParser):
    """The forms of a page: where they go and with which fields."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {key: value or "" for key, value in attrs}
        if tag == "form":
            self.found.append((told["action"], {}))
        elif tag == "input":
            self.found[-1][1][told["name"]] = told["value"]


def test_every_form_of_the_front_page_works_and_leads_back_to_it(bank: Caller) -> None:
    page = requests.get(bank.platform.url + "/", timeout=60)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script" not in page.text
    assert "style=" not in page.text
    style = requests.get(bank.platform.url + "/style.css", timeout=60)
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "Agent Assist – Billing EMEA" in page.text
    forms = Forms()
    forms.feed(page.text)
    assert len(forms.found) > 40
    for action, fields in forms.found:
        done = requests.post(bank.platform.url + action, data=fields, headers=BROWSER, timeout=60)
        assert (done.status_code, done.url.startswith(bank.platform.url + "/?done=")) == (200, True)
        assert 'role="status"' in done.text


def test_a_form_lets_the_next_write_of_one_configuration_land_unanswered(bank: Caller) -> None:
    fields = {"kind": "drop_after_commit", "method": "PUT", "path": CONFIG, "organization": "northwind"}
    requests.post(bank.platform.url + "/practice/faults", data=fields, timeout=60)
    assert "drop_after_commit, PUT" in requests.get(bank.platform.url + "/", timeout=60).text
    body, etag = bank.next_write()
    with pytest.raises(requests.ConnectionError):
        bank.put(CONFIG, body, if_match=etag)
    assert bank.get(CONFIG).json()["version"] == 43


def test_names_from_outside_are_escaped_on_the_page(bank: Caller) -> None:
    bank.platform.foreign_write(CONFIG, by="<b>Mallory</b>", edits=[{"path": "/name", "value": "<i>x</i>"}])
    text = requests.get(bank.platform.url + "/", timeout=60).text
    assert "&lt;b&gt;Mallory" in text
    assert "<i>x" not in text
