"""The pages that answer what changed and who did it: the gutter of a version, the timeline, the search."""

import copy
import html
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tenants import gutter, indexing, version_pages
from tenants.configuration import type_of
from tenants.models import Snapshot
from tests import page_world
from tests.page_world import PageWorld

pytestmark = pytest.mark.django_db

SignIn = Callable[[str], Client]


def version_url(snapshot: Snapshot, query: str = "") -> str:
    return reverse("admin:tenants_trackedconfig_version", args=[snapshot.config_id, snapshot.pk]) + query


def text_of(client: Client, url: str, *, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, url
    return answer.content.decode()


def row_with(text: str, line: str) -> str:
    """Give the words of the row of the gutter that holds a line."""
    rows: list[str] = re.findall(r'<tr id="L\d+">.*?</tr>', text, re.DOTALL)
    [row] = [row for row in rows if line in html.unescape(row)]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", row)).split())


# --- the gutter -------------------------------------------------------------------------------------------------------


def test_the_page_of_a_version_names_beside_each_block_the_version_the_author_and_the_time(
    pages: PageWorld, as_user: SignIn
) -> None:
    live = pages.billing.snapshots.get(version=42)
    text = text_of(as_user("carol"), version_url(live))
    changed = row_with(text, "minConfidence: 0.35")
    assert changed.startswith("v42 : compare it with the version before Marek Wolski")
    assert f"{live.written_at:%H:%M}" in changed
    assert "first version seen, or older" in row_with(text, 'language: "en-GB"')
    assert "moved by v42" in row_with(text, 'name: "Complaint"')
    assert "removed something here" not in row_with(text, "minConfidence: 0.35")
    assert "removed something here: v42" in row_with(text, "rules: [")
    assert "?from=41&amp;to=42" in text
    # All of it is there, in its order, as without the gutter.
    shown = re.findall(r"<pre>(.*?)</pre>", text, re.DOTALL)
    plain = version_pages.laid_out(live, type_of(pages.billing)).text
    assert html.unescape("\n".join(shown)) == plain
    alone = text_of(as_user("carol"), version_url(live, "?blame=no"))
    assert html.unescape(re.findall(r'<pre class="code" tabindex="0">(.*?)</pre>', alone, re.DOTALL)[0]) == plain
    assert 'class="blame"' not in alone


def test_a_long_version_is_shown_a_page_of_lines_at_a_time(pages: PageWorld) -> None:
    content = {"rules": [page_world.rule(f"Rule {number}", number) for number in range(200)]}
    one = page_world.config(pages.northwind, "cfg-long", "Agent Assist – Long")
    page_world.version(one, 1, content)
    edited = copy.deepcopy(content)
    edited["rules"][150]["enabled"] = False
    two = page_world.version(one, 2, edited)
    first = gutter.gutter(two)
    second = gutter.gutter(two, line="3500")
    assert (first.first, first.last, first.previous, first.following) == (1, 3000, None, 3001)
    assert (second.first, second.previous, second.following) == (3001, 1, None)
    assert second.last == second.lines == len(version_pages.laid_out(two, type_of(one)).text.splitlines())
    [block] = [block for block in second.blocks if block.writer.snapshot.pk == two.pk and "enabled" in block.text]
    assert block.text.strip() == "enabled: false"
    assert all(gutter.gutter(two, line=word).first == 1 for word in ("x", "", "-5", "0", "²"))
    assert gutter.gutter(two, line="9" * 8).first == 3001


def test_a_version_whose_history_is_not_worked_out_yet_is_shown_and_says_so(
    pages: PageWorld, as_user: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.blaming.LARGEST_OF_A_PAGE", 1000)
    text = text_of(as_user("carol"), version_url(pages.billing.snapshots.get(version=41)))
    assert "Nobody is named beside the lines." in text
    assert "0 of 7 versions" in text
    assert "minConfidence: 0.65" in text
    indexing.catch_up(pages.billing)
    assert "Nobody is named" not in text_of(as_user("carol"), version_url(pages.billing.snapshots.get(version=41)))


def test_secrets_and_markup_of_a_configuration_stay_out_of_the_gutter(pages: PageWorld, as_user: SignIn) -> None:
    content = {"name": "<script>alert(1)</script>", "note": "ab\u202ecd"}
    one = page_world.version(page_world.config(pages.northwind, "cfg-x", "X"), 1, content)
    text = text_of(as_user("carol"), version_url(one))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "\\u202e" in text
    text_of(as_user("dana"), version_url(one), status=404)
