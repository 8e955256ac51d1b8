"""The page of the catalogue says of every type how its writes are guarded, and what is not taken back."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from tenants.resource_types import all_types, catalogue
from tenants.resource_types.definition import Procedure
from tenants.types_page import types_page
from tests import page_world

pytestmark = pytest.mark.django_db

Page = Callable[..., str]


@pytest.fixture
def page() -> Page:
    """Give a function that opens the page as Carol, who may only look."""
    client = Client()
    client.force_login(page_world.build().people["carol"])

    def opened(query: str = "") -> str:
        answer = client.get(reverse("admin:tenants_trackedconfig_types") + query)
        assert answer.status_code == 200
        return unescape(re.sub(r"\s+", " ", answer.content.decode()))

    return opened


@pytest.fixture
def own_file(tmp_path: Path) -> Iterator[Path]:
    """Give an operator's own file that overrides one type."""
    file = tmp_path / "types.toml"
    file.write_text('["routing.queue"]\nimmutable = ["peerId"]\n', encoding="utf-8")
    catalogue.use_file(file)
    yield file
    catalogue.use_file(None)


def row_of(text: str, name: str) -> str:
    """Give the part of the page about one type."""
    return text.partition(f'<tr id="{name}"')[2].partition("</tr>")[0]


def test_every_type_has_a_row_with_its_level_rule_and_permissions(page: Page) -> None:
    text = page()

    assert re.findall(r'<tr id="([^"]+)"', text) == [rtype.name for rtype in all_types()]
    campaign = row_of(text, "outbound.campaign")
    assert 'title="Guard level B"' in campaign
    assert "The body repeats the live number; the server makes the next." in campaign
    assert "outbound:campaign:edit" in campaign
    assert "telephony:plugin:all or telephony:sites:view" in row_of(text, "telephony.site")
    assert "If-Match with the live ETag. The body carries the next number." in row_of(text, "agentassist.config")
    assert "versions are imported" in row_of(text, "agentassist.config")
    assert "outbound.settings:singleton" in row_of(text, "outbound.settings")
    assert "assistants.queue:PARENT~ID" in row_of(text, "assistants.queue")


def test_what_is_not_taken_back_is_said_with_the_reason(page: Page) -> None:
    text = page()

    script = row_of(text, "scripts.script")
    assert "The platform lets nobody write an Agent script through its API" in script
    assert "Guard level" not in script
    assert "Point each object that uses the live version" in row_of(text, "webdeployments.configuration")
    assert "takes an older version that is published again" in row_of(text, "architect.flow")
    assert "The audio and the spoken texts of a prompt have writes of their own" in row_of(text, "architect.prompt")
    assert "A plan is refused while columnNames, phoneColumns" in row_of(text, "outbound.contactlist")
    assert "Nothing is known to be left out." in row_of(text, "routing.wrapupcode")


def test_the_guard_the_way_back_and_the_references_are_said_in_whole_words(page: Page) -> None:
    text = page()

    queue = row_of(text, "routing.queue")
    assert "Level C: the platform checks nothing, the console compares." in queue
    assert "One PUT of the object." in queue
    assert re.search(r"<summary>\d+ references looked up before a write</summary>", queue)
    assert '<dt class="mono">/queueFlow/id</dt><dd>Architect flow</dd>' in queue
    assert "<dd>Group or Skill group or /api/v2/teams</dd>" in queue
    assert "Level B: the platform checks the version." in row_of(text, "users.user")
    assert "Level A: the platform checks the ETag." in row_of(text, "agentassist.config")
    assert "Read-only: tracked and compared, never written." in row_of(text, "scripts.script")
    group = row_of(text, "groups.group")
    assert '<span class="mono">ownerIds</span>, shown at <span class="mono">/owners/*/id</span>' in group
    assert "reference looked up" in group
    assert "looked up before a write" not in row_of(text, "authorization.division")


def test_a_type_with_steps_lists_them_in_their_order() -> None:
    rows = {row.rtype.name: row for row in types_page({}).rows}

    for name, row in rows.items():
        if row.rtype.why_read_only:
            assert row.way_back == (), name
        elif row.rtype.procedure is None:
            assert row.way_back == (f"One {row.rtype.update_method} of the object.",), name
        else:
            assert row.way_back == row.rtype.procedure.steps, name
    assert all(step.endswith(".") for procedure in Procedure for step in procedure.steps)
    assert Procedure.PUBLISH_AND_REPOINT.steps.index("Wait until it is active.") == 1


def test_a_search_finds_names_paths_and_permissions_and_a_level_narrows_it(page: Page) -> None:
    assert re.findall(r'<tr id="([^"]+)"', page("?q=scim")) == ["scim.group"]
    assert re.findall(r'<tr id="([^"]+)"', page("?q=CAMPAIGN+rule")) == ["outbound.campaignrule"]
    assert re.findall(r'<tr id="([^"]+)"', page("?q=routing%3Aqueue%3Aedit")) == ["routing.queue"]
    assert set(re.findall(r'<tr id="([^"]+)"', page("?level=A"))) == {
        "agentassist.config",
        "analytics.agentassist.config",
        "scim.group",
    }
    nothing = page("?q=%3Cscript%3Ealert%281%29%3C/script%3E")
    assert "No resource type matches" in nothing
    assert "alert(1)</script>" not in nothing.replace('value="<script>alert(1)</script>"', "")


def test_the_counts_of_the_levels_add_up_to_all_types() -> None:
    found = types_page({"level": "nonsense"})

    assert sum(level.count for level in found.levels) == found.total == len(found.rows) == len(all_types())
    assert [level.key for level in found.levels] == ["A", "B", "C", "read-only"]
    assert not any(level.chosen for level in found.levels)


def test_what_the_operators_own_file_touches_is_marked(own_file: Path, page: Page) -> None:
    text = page()

    assert str(own_file) in text
    assert '<span class="pill info">own</span>' in row_of(text, "routing.queue")
    assert '<span class="pill info">own</span>' not in row_of(text, "routing.wrapupcode")
    assert "A plan is refused while peerId differs." in row_of(text, "routing.queue")


def test_the_page_is_the_current_one_of_the_navigation_and_configurations_is_not(page: Page) -> None:
    assert page().count('aria-current="page"') == 2, "the side and the short menu"


def test_nobody_sees_it_without_signing_in() -> None:
    answer = Client().get(reverse("admin:tenants_trackedconfig_types"))

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("admin:login"))
