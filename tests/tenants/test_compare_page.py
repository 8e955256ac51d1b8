"""The compare page of long comparisons: parts, folds that are fetched, places, finding, links that last."""

import copy
import gzip
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tenants import comparing
from tenants.models import Document, TrackedConfig
from tests import page_world
from tests.page_world import PageWorld

pytestmark = pytest.mark.django_db


def address(config: TrackedConfig, query: str, piece: str = "") -> str:
    return reverse(f"admin:tenants_trackedconfig_compare{piece}", args=[config.pk]) + query


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.content.decode()


def rules(number: int) -> list[Any]:
    return [page_world.rule(f"Rule {index}", index) for index in range(number)]


def long_config(pages: PageWorld, *, number: int, changed: int) -> TrackedConfig:
    """Track a configuration of so many rules, the first ones of them changed, and an old one removed."""
    config = page_world.config(pages.northwind, "cfg-emea", "Agent Assist – All of EMEA")
    before = {"rules": rules(number), "tags": ["emea"], "retired": {"name": "Fax"}}
    after: dict[str, Any] = copy.deepcopy({**before, "tags": ["emea", "tier-1"]})
    del after["retired"]
    for rule in after["rules"][:changed]:
        rule["knowledge"]["minConfidence"] = 0.35
    baseline = page_world.version(config, 1, before)
    return page_world.settle(config, live=page_world.version(config, 2, after, source="live"), baseline=baseline)


def links_in(text: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'href="([^"]+)"', text)]


@pytest.mark.slow
def test_the_parts_of_hundreds_of_changes_list_each_change_once(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    config = long_config(pages, number=450, changed=450)
    client = as_user("carol")
    listed: list[str] = []
    query = "?from=1&to=2"
    for _ in range(20):
        text = text_of(client, address(config, query))
        assert "452 changes" in text
        assert text.count("<tr") < 1600
        found = re.findall(r'<li><a href="#([^"]+)"', text)
        assert all(f' id="{anchor}"' in text for anchor in found)
        listed += found
        following = re.search(r'rel="next" href="([^"]+)"', text)
        if following is None:
            break
        query = unescape(following[1])
    assert len(set(listed)) == len(listed) == 450 + 2 + 2
    assert "at:/content/rules/449/knowledge/minConfidence" in listed
    assert "was:/content/retired" in listed
    assert "Part 1 of" in text_of(client, address(config, "?from=1&to=2&part=0"))
    assert 'rel="next"' not in text_of(client, address(config, "?from=1&to=2&part=99999"))


def test_a_long_gap_is_a_link_that_unfolds_it_with_and_without_a_script(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    config = long_config(pages, number=300, changed=1)
    client = as_user("carol")
    text = text_of(client, address(config, "?from=1&to=2"))
    gap = re.search(r'data-gap="(\d+)-(\d+)"><span>([\d,]+) unchanged lines in content › rules</span>', text)
    assert gap is not None
    begin, end = int(gap[1]), int(gap[2])
    assert end - begin > 5000
    assert "Rule 4&quot;" not in text
    link = next(unescape(one) for one in links_in(text) if f"open={begin}-{begin + 200}" in one)
    opened = text_of(client, address(config, link.partition("#")[0]))
    assert "name</span>: &quot;Rule 4&quot;" in opened
    assert f'<details class="fold" id="g{begin}" data-gap="{begin}-{begin + 200}" open>' in opened
    assert f'data-gap="{begin + 200}-{end}"' in opened
    piece = text_of(client, address(config, f"?from=1&to=2&within={begin}-{end}&show={begin}-{begin + 200}", "_rows"))
    assert piece in opened
    assert text_of(client, address(config, "?from=1&to=2&within=x&show=1-2", "_rows")) == ""
    greedy = text_of(client, address(config, "?from=1&to=2&within=0-999999&show=0-999999", "_rows"))
    assert 300 < greedy.count("<tr") < 1000
    assert 'class="c"' not in greedy, "what is shown already is not sent again"


def test_a_text_is_found_in_what_is_folded_and_each_place_has_a_link_that_leads_there(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    config = long_config(pages, number=300, changed=1)
    client = as_user("carol")
    text = text_of(client, address(config, '?from=baseline&to=live&find="Rule 222"'))
    assert "1 place with" in text
    link = next(one for one in links_in(text) if "at=" in one)
    # `live` is another version tomorrow; a link that was shared is not.
    assert link == "?from=1&to=2&at=%2Fcontent%2Frules%2F222%2Fname#at:/content/rules/222/name"
    page = text_of(client, address(config, link.partition("#")[0]))
    assert 'id="at:/content/rules/222/name"' in page
    assert "the same on both sides" in page
    assert '<code tabindex="0" data-is="value">&quot;Rule 222&quot;</code>' in page
    gone = text_of(client, address(config, "?from=1&to=2&find=fax", "_found"))
    assert "content › retired" in gone
    assert "was=%2Fcontent%2Fretired" in gone
    same = text_of(client, address(config, "?from=2&to=2&at=/content/rules/222/name"))
    assert "The configuration is the same on both sides" in same
    assert 'id="at:/content/rules/222/name"' in same
    assert "Nothing found of" in text_of(client, address(config, "?from=1&to=2&find=zebra", "_found"))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("at=/content/rules/9/nothing", "v2 has nothing at /content/rules/9/nothing; the nearest place"),
        ("was=/content/none", "v1 has nothing at /content/none"),
        ("at=content", "is not a JSON Pointer"),
        ("at=/version&hide=volatile", "set by the platform, and such places are hidden"),
        ("find=/content/rules/4/nothing", "There is nothing at /content/rules/4/nothing in either version"),
        ("find=/~", "is not a JSON Pointer"),
        ("open=5-1,9-x,0-99999999&part=x", "unchanged lines"),
    ],
)
def test_an_address_that_asks_for_what_is_not_there_gets_a_sentence(
    pages: PageWorld, as_user: Callable[[str], Client], query: str, sentence: str
) -> None:
    config = long_config(pages, number=12, changed=1)
    assert sentence in text_of(as_user("carol"), address(config, f"?from=1&to=2&{query}"))


def test_what_the_platform_sets_can_be_hidden_and_shown_again(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    client = as_user("carol")
    text = text_of(client, address(pages.billing, "?from=41&to=42"))
    assert 'class="vol"' in text
    hidden = next(link for link in links_in(text) if "hide=volatile" in link)
    without = text_of(client, address(pages.billing, hidden))
    assert 'class="vol"' not in without
    assert "10 changes" in without
    assert "Show the" in without
    assert next(link for link in links_in(without) if link == "?from=41&to=42")


def test_the_anchor_of_a_change_is_its_pointer_whatever_characters_the_key_has(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    config = page_world.config(pages.northwind, "cfg-keys", "Agent Assist – Keys")
    key = 'Büro "North" <b>/~ #1?\u202e'
    page_world.settle(
        config,
        baseline=page_world.version(config, 1, {key: 1}),
        live=page_world.version(config, 2, {key: 2}, source="live"),
    )
    client = as_user("carol")
    text = text_of(client, address(config, "?from=1&to=2"))
    anchor = "at:/content/B%C3%BCro%20%22North%22%20%3Cb%3E~1~0%20%231%3F%E2%80%AE"
    assert f'id="{anchor}"' in text
    assert f'href="#{anchor}"' in text
    assert '<span class="esc" title="right-to-left override">\\u202e</span>' in text
    assert "\u202e" not in unescape(text)
    place = text_of(client, address(config, "?from=1&to=2&row=5", "_place"))
    assert "\u202e" not in unescape(place)


def test_every_mark_has_its_word_and_its_sign(pages: PageWorld, as_user: Callable[[str], Client]) -> None:
    for view, rows in (("split", 1), ("unified", 2)):
        text = text_of(as_user("carol"), address(pages.billing, f"?from=41&to=42&view={view}"))
        cells = re.findall(
            r'<td class="s (del|ins|mov)" aria-hidden="true">(.)</td><td[^>]*><span[^>]*>([a-z, ]+): ', text
        )
        words = {(kind, sign, word.removeprefix("set by the platform, ")) for kind, sign, word in cells}
        assert words == {
            ("del", "−", "before"),
            ("del", "−", "removed"),
            ("ins", "+", "after"),
            ("ins", "+", "added"),
            ("mov", "⇅", "moved"),
        }
        assert any(word.startswith("set by the platform, ") for _, _, word in cells)
        assert text.count('class="s del"') + text.count('class="s ins"') + text.count('class="s mov"') == len(cells)
        assert len(cells) > 10 * rows


def test_five_megabytes_are_a_page_of_kilobytes_and_more_than_eight_are_refused(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    config = page_world.config(pages.northwind, "cfg-emea", "Agent Assist – All of EMEA")
    items = ",".join(
        f'{{"id": "r{n}", "name": "Rule {n}", "note": "{"Ask for the invoice. " * 18}"}}' for n in range(12_000)
    )
    raws = [
        f'{{"id": "cfg-emea", "version": {n}, "content": {{"rules": [{text}]}}}}'.encode()
        for n, text in ((1, items), (2, items.replace('2", "note": "Ask', '2", "note": "Do not ask')))
    ]
    first, second = (page_world.version(config, n, raw) for n, raw in enumerate(raws, start=1))
    assert min(map(len, raws)) > 5_000_000
    page_world.settle(config, live=second, baseline=first)
    client = as_user("carol")
    answer = client.get(address(config, "?from=1&to=2"), headers={"accept-encoding": "gzip"})
    assert len(answer.content) < 40_000
    text = gzip.decompress(answer.content).decode()
    assert text.count("<tr") < 1500
    assert "1,200 changes" in text
    found = text_of(client, address(config, "?from=1&to=2&find=/content/rules/11000/name", "_found"))
    assert "Rule 11000" in found
    larger = page_world.version(config, 3, {})
    Document.objects.filter(pk=larger.document_id).update(size=comparing.LARGEST_COMPARED + 1)
    assert "pages compare up to 8,388,608" in text_of(client, address(config, "?from=1&to=3"))


@pytest.mark.parametrize("piece", ["", "_rows", "_place", "_found"])
def test_no_piece_of_a_comparison_is_handed_to_strangers(
    pages: PageWorld, as_user: Callable[[str], Client], piece: str
) -> None:
    query = "?from=41&to=42&row=1&find=rule&within=0-9&show=0-9"
    assert as_user("carol").get(address(pages.billing, query, piece)).status_code == 200
    assert as_user("dana").get(address(pages.billing, query, piece)).status_code == 404
    assert Client().get(address(pages.billing, query, piece)).status_code == 302
    if piece:
        answer = as_user("carol").get(address(pages.billing, query.replace("41", "999"), piece))
        assert answer.status_code == 404
        assert "is no version of" in answer.content.decode()


def test_what_one_version_did_can_be_undone_from_the_page_that_shows_just_that(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    snapshot = pages.billing.snapshots.get(version=40)
    undo = reverse("admin:rollbacks_rollback_undo", args=[pages.billing.pk, snapshot.pk])
    assert undo in text_of(as_user("alice"), address(pages.billing, "?from=39&to=40"))
    for query in ("?from=38&to=40", "?from=40&to=39", "?from=40&to=live"):
        assert "Undo only" not in text_of(as_user("alice"), address(pages.billing, query))
    assert "Undo only" not in text_of(as_user("carol"), address(pages.billing, "?from=39&to=40"))
