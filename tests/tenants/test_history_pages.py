"""The pages that answer what changed and who did it: the gutter of a version, the timeline, the search."""

import copy
import html
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tenants import gutter, indexing, timeline, version_pages
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


# --- the timeline -----------------------------------------------------------------------------------------------------


def timeline_of(client: Client, pages: PageWorld, query: str = "") -> tuple[list[int], str]:
    """Give the versions on the timeline, and the page."""
    text = text_of(client, reverse("admin:tenants_trackedconfig_change", args=[pages.billing.pk]) + query)
    return [int(number) for number in re.findall(r'<strong><a href="[^"]+">v(\d+)</a></strong>', text)], text


def test_the_timeline_says_how_large_each_change_was_and_what_it_touched(pages: PageWorld, as_user: SignIn) -> None:
    versions, text = timeline_of(as_user("carol"), pages)
    assert versions == [42, 41, 40, 39, 38, 37, 36]
    assert "6 changed, 2 added, 1 removed, 1 moved" in text
    assert '<span class="where">content › rules</span> (3)' in text
    assert text.count('<svg class="bar"') == 1  # where one change is all, the page names it, and needs no bar
    widths = [size.width for size in timeline.sizes(pages.billing.snapshots.all()).values()]
    assert len(widths) == 6
    assert widths.count(max(widths)) == 1
    assert int(re.findall(r'<svg class="bar" width="(\d+)"', text)[0]) == max(widths)


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ("?path=minConfidence", [42]),
        ("?path=rules+%3E+Refund+request+%3E+knowledge", [42]),
        ("?path=confidence", [42, 41, 40, 39, 38, 37]),
        ("?path=/content/rules/0/triggers", [42, 40]),
        ("?path=/content/queues", [42]),
        ("?path=/content/queue", []),
        ("?author=tom", [40, 38, 36]),
        ("?author=user-ines&path=triggers", [41, 39, 37]),
        ("?path=nowhere", []),
        ("?since=yesterday", []),
    ],
)
def test_the_timeline_is_narrowed_by_path_and_author(
    pages: PageWorld, as_user: SignIn, query: str, versions: list[int]
) -> None:
    shown, text = timeline_of(as_user("carol"), pages, query)
    assert shown == versions
    assert ("No version matches" in text) is (not versions)


def test_the_timeline_is_narrowed_by_time_and_each_version_is_still_compared_with_the_one_before_it(
    pages: PageWorld, as_user: SignIn
) -> None:
    at = {one.version: one.written_at for one in pages.billing.snapshots.all()}
    since, until = at[38], at[40]
    assert since is not None
    assert until is not None
    client = as_user("carol")
    shown, text = timeline_of(client, pages, f"?since={since:%Y-%m-%d}&until={until:%Y-%m-%d}")
    assert shown == [40, 39, 38]
    assert timeline_of(client, pages, f"?since={since:%Y-%m-%dT%H:%M}&until={since:%Y-%m-%dT%H:%M}")[0] == [38]
    assert "?from=37&amp;to=38" in text
    shown, text = timeline_of(client, pages, f"?author=tom&until={until:%Y-%m-%d}")
    assert shown == [40, 38, 36]
    assert "?from=39&amp;to=40" in text
    assert "?from=37&amp;to=38" in text
    assert "first version seen here" in text


def test_the_pages_of_a_narrowed_timeline_keep_its_filters(
    pages: PageWorld, as_user: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.configuration.VERSIONS_A_PAGE", 2)
    shown, text = timeline_of(as_user("carol"), pages, "?author=ines")
    assert shown == [41, 39]
    assert 'href="?author=ines&amp;page=2"' in text
    assert timeline_of(as_user("carol"), pages, "?author=ines&page=2")[0] == [37]
