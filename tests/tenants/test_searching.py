"""When did "Retention" disappear? Values of today and of the past are found, by whoever may see the tenant."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from tenants import archive, indexing, searching
from tenants.documents import terms
from tenants.models import Snapshot, TrackedConfig
from tenants.searching import Hit
from tests import page_world
from tests.page_world import PageWorld
from tests.tenants.documents.corpora import texts
from tests.tenants.running import run

SignIn = Callable[[str], Client]
SECRET = "Zirkonia-9913"


def hits_of(found: list[Hit]) -> list[tuple[str, str, int, int | None]]:
    return [
        (hit.config.object_id, hit.path, hit.since.version, hit.gone_in.version if hit.gone_in else None)
        for hit in found
    ]


def look_for(pages: PageWorld, wanted: str, **options: Any) -> searching.Found:
    searching.catch_up(pages.northwind, seconds=None)
    return searching.search(pages.northwind, wanted, **options)


def search_url(pages: PageWorld, query: str = "") -> str:
    return reverse("admin:tenants_tenant_search", args=[pages.northwind.pk]) + query


# --- terms ------------------------------------------------------------------------------------------------------------


@given(texts, texts, st.text("aZ é–.-_7語ß", max_size=8))
def test_a_text_that_holds_whole_words_of_what_was_asked_is_found_by_their_terms(
    before: str, after: str, words: str
) -> None:
    for wanted in (before, words):
        text = f"{after} {wanted} {after}"
        kept = terms.terms_of(text)
        assert all(any(term.startswith(asked) for term in kept) for asked in terms.asked_terms(wanted))
        assert terms.holds(text, wanted)


@pytest.mark.parametrize(
    ("text", "asked", "found"),
    [
        ("Retention – EMEA", "retention", True),
        ("Retention – EMEA", "RETENTION – em", True),
        ("Retention – EMEA", "etention", False),
        ("retentionPolicyEMEA", "policyE", True),
        ("retention_policy", "policy", True),
        ("Zurückstellen", "zuru\u0308ck", True),
        ("90c192cf-d3ac-94af-0f21-000000000001", "d3ac-94af", True),
        ("0.35", "0.35", True),
        ("お客様の解約", "解約", True),
    ],
)
def test_a_word_is_found_from_its_beginning_whatever_the_case(text: str, asked: str, found: bool) -> None:
    kept = terms.terms_of(text)
    assert all(any(term.startswith(one) for term in kept) for one in terms.asked_terms(asked)) is found


# --- what is found ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_value_that_is_gone_is_found_with_the_versions_that_brought_it_and_took_it_away(pages: PageWorld) -> None:
    found = look_for(pages, "cancel contract please")
    assert hits_of(found.gone) == [("cfg-billing-emea", "/content/rules/1/triggers/0/value", 36, 42)]
    [hit] = found.gone
    assert (hit.first_seen, hit.last.version, hit.gone_in and hit.gone_in.author_name) == (True, 41, "Marek Wolski")
    assert hit.became == '"cancel contract now"'
    assert found.live == []


@pytest.mark.django_db
def test_a_value_that_is_still_there_is_found_where_it_stands_now_with_who_brought_it(pages: PageWorld) -> None:
    found = look_for(pages, "CANCEL contract")
    assert ("cfg-billing-emea", "/content/rules/2/triggers/0/value", 42, None) in hits_of(found.live)
    assert ("cfg-billing-emea", "/content/rules/2/name", 36, None) in hits_of(found.live)
    assert {hit.config.tenant_id for hit in [*found.live, *found.gone]} == {pages.northwind.pk}


@pytest.mark.django_db
def test_a_value_that_came_back_has_two_lives(pages: PageWorld) -> None:
    one = page_world.config(pages.northwind, "cfg-flow", "Agent Assist – Flow")
    for number, queue in enumerate(["Retention", "Overflow", "Retention"], start=1):
        page_world.version(one, number, {"queue": queue, "moved": list(range(number))})
    found = look_for(pages, "Retention", type_name="agentassist.config")
    mine = [hit for hit in hits_of([*found.gone, *found.live]) if hit[0] == "cfg-flow"]
    assert mine == [("cfg-flow", "/content/queue", 1, 2), ("cfg-flow", "/content/queue", 3, None)]
    assert [hit[0] for hit in hits_of(look_for(pages, "Overflow").gone)] == ["cfg-flow"]


@pytest.mark.django_db
def test_a_value_keeps_its_life_while_its_item_moves(pages: PageWorld) -> None:
    one = page_world.config(pages.northwind, "cfg-order", "Agent Assist – Order")
    rules = [page_world.rule(name, number) for number, name in enumerate(("Alpha", "Beta", "Gamma"), start=1)]
    page_world.version(one, 1, {"rules": rules})
    page_world.version(one, 2, {"rules": [page_world.rule("Delta", 4), rules[2], rules[0], rules[1]]})
    page_world.version(one, 3, {"rules": [page_world.rule("Delta", 4), rules[0], rules[1]]})
    assert ("cfg-order", "/content/rules/1/name", 1, 3) in hits_of(look_for(pages, "Gamma").gone)
    assert ("cfg-order", "/content/rules/2/name", 1, None) in hits_of(look_for(pages, "Beta").live)


@pytest.mark.django_db
def test_every_life_of_every_value_is_found_as_by_reading_all_versions(pages: PageWorld) -> None:
    """Hold the search against all texts of all versions: present in a version exactly while a hit says so."""
    searching.catch_up(pages.northwind, seconds=None)
    versions = list(pages.billing.snapshots.order_by("version"))
    shown = [_texts(archive.value_of(one)["content"]) for one in versions]
    for wanted in ["0.91", "tier-2", "tier-1", "Upgrade offer", "please", "0.65", "Payment failed", "12", "none"]:
        found = searching.search(pages.northwind, wanted, most=1000)
        lives = [hit for hit in [*found.gone, *found.live] if hit.path.startswith("/content")]
        for one, texts_of_one in zip(versions, shown, strict=True):
            here = sum(
                hit.since.version <= one.version and (hit.gone_in is None or one.version < hit.gone_in.version)
                for hit in lives
            )
            assert here == sum(terms.holds(text, wanted) and _starts_a_word(text, wanted) for text in texts_of_one)


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for member in value.values() for text in _texts(member)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    text = terms.text_of(value)
    return [text] if text else []


def _starts_a_word(text: str, wanted: str) -> bool:
    kept = terms.terms_of(text)
    return all(any(term.startswith(one) for term in kept) for one in terms.asked_terms(wanted))


@pytest.mark.django_db
def test_neither_secrets_nor_what_the_platform_sets_nor_true_and_null_are_found(pages: PageWorld) -> None:
    for number, word in enumerate((SECRET, f"{SECRET}-2", f"{SECRET}-2"), start=1):
        raw = json.dumps(
            {"id": "client-1", "name": "CRM", "secret": word, "description": f"step {number}", "dateModified": SECRET}
        ).encode()
        _keep(pages, "oauth.client", "client-1", number, raw)
    indexing.catch_up(TrackedConfig.objects.get(object_id="client-1"))
    for wanted in (SECRET, "Zirkonia", "secret", "Marek Wolski", "true"):
        found = look_for(pages, wanted)
        assert (found.gone, found.live) == ([], []), wanted
    assert [hit.path for hit in look_for(pages, "CRM").live] == ["/name"]
    assert [hit.text for hit in look_for(pages, "step").gone] == ["step 2", "step 1"]


def _keep(pages: PageWorld, type_name: str, object_id: str, number: int, raw: bytes) -> Snapshot:
    config, _ = TrackedConfig.objects.get_or_create(
        tenant=pages.northwind, resource_type=type_name, object_id=object_id, defaults={"name": object_id}
    )
    return page_world.version(config, number, raw)


@pytest.mark.django_db
def test_what_has_no_word_finds_nothing_and_quotes_and_operators_are_words_like_others(pages: PageWorld) -> None:
    with pytest.raises(searching.NothingToFind, match="has no word"):
        look_for(pages, " – ' & | ")
    one = page_world.config(pages.northwind, "cfg-quotes", "Agent Assist – Quotes")
    page_world.version(one, 1, {"greeting": "It's a \\ test & more:* (really)"})
    for wanted in ("It's a \\ test", "test & more:*", "(really)", "\\ test"):
        assert [hit.path for hit in look_for(pages, wanted).live] == ["/content/greeting"], wanted
    assert look_for(pages, "test | more").live == []


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", ["Überweisung", 'say "hello"', "and/or", "tier 2"])
def test_a_text_is_found_however_its_characters_were_written(pages: PageWorld, wanted: str) -> None:
    note = 'Überweisung, say "hello" and/or tier 2'
    escaped = json.dumps(note).replace("/", "\\/").encode()
    literal = json.dumps(note, ensure_ascii=False).encode()
    for number, spelled in enumerate((escaped, literal), start=1):
        raw = b'{"id": "cfg-%d", "name": "x", "version": 1, "content": {"note": %b}}' % (number, spelled)
        page_world.version(page_world.config(pages.northwind, f"cfg-{number}", f"Spelled {number}"), 1, raw)
    assert [hit.config.object_id for hit in look_for(pages, wanted).live] == ["cfg-1", "cfg-2"]


@pytest.mark.django_db
def test_more_hits_than_are_shown_are_said_to_be_there(pages: PageWorld) -> None:
    found = look_for(pages, "phrase", most=5)
    assert (len(found.live), found.more_live) == (5, True)
    assert len({(hit.config.pk, hit.path) for hit in found.live}) == 5


@pytest.mark.django_db
def test_more_words_than_the_database_keeps_for_one_configuration_hide_nothing(
    pages: PageWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "MOST_WORDS", 40)
    found = look_for(pages, "Late fee")
    assert [hit.trail for hit in found.live if hit.path.endswith("/name")] == ["content › rules › Late fee › name"]


# --- who finds it, and where ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_page_says_where_a_value_stood_and_leads_to_the_change_that_took_it_away(
    pages: PageWorld, as_user: SignIn
) -> None:
    answer = as_user("carol").get(search_url(pages, "?q=cancel+contract+please"))
    text = answer.content.decode()
    assert "<mark>cancel contract please</mark>" in text
    assert "became" in text
    assert f"{reverse('admin:tenants_trackedconfig_compare', args=[pages.billing.pk])}?from=41&amp;to=42" in text
    assert "Marek Wolski" in text
    assert 'value="cancel contract please"' in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "When did it appear, and when did it disappear?"),
        ("?q=Retentoin", "No version of any configuration here holds “Retentoin”"),
        ("?q=%3Cscript%3E1", "No version of any configuration here holds “&lt;script&gt;1”"),
        ("?q=–", "has no word and no number in it"),
        ("?q=a&type=nothing", "There is no object of the type"),
    ],
)
def test_every_question_gives_a_page_with_a_sentence(
    pages: PageWorld, as_user: SignIn, query: str, sentence: str
) -> None:
    answer = as_user("carol").get(search_url(pages, query))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()


@pytest.mark.django_db
def test_nobody_searches_in_a_tenant_of_others_and_nobody_finds_what_is_another_s(
    pages: PageWorld, as_user: SignIn
) -> None:
    assert as_user("dana").get(search_url(pages, "?q=cancel")).status_code == 404
    assert Client().get(search_url(pages, "?q=cancel")).status_code == 302
    page_world.version(pages.foreign, 8, copy.deepcopy(page_world.first_content()) | {"note": "Obsidian"})
    page_world.version(pages.foreign, 9, page_world.first_content())
    searching.catch_up(pages.litware, seconds=None)
    assert hits_of(searching.search(pages.litware, "Obsidian").gone) == [("cfg-retail-secret", "/content/note", 8, 9)]
    assert "cfg-retail-secret" not in as_user("carol").get(search_url(pages, "?q=Obsidian")).content.decode()
    assert look_for(pages, "Obsidian").gone == []


@pytest.mark.django_db
def test_the_command_finds_the_same_in_words_and_as_one_document(pages: PageWorld) -> None:
    said = run("search", "northwind", "Upgrade offer")
    assert said.code == 0
    [line] = [line for line in said.out.splitlines() if "/content/rules/2/name" in line]
    assert "v36" in line
    assert "or before" in line
    assert "v42" in line
    assert line.rstrip().endswith("Marek Wolski")
    document = run("search", "northwind", "cancel contract please", "--type", "agentassist.config", "--json").document
    [hit] = document["gone"]
    assert (hit["path"], hit["appeared"]["version"], hit["disappeared"]["version"]) == (
        "/content/rules/1/triggers/0/value",
        36,
        42,
    )
    assert (document["live"], document["more"], hit["rollback"]) == ([], False, None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["northwind", "Retentoin"], 0, "No version of any configuration of northwind holds 'Retentoin'"),
        (["northwind", "–"], 2, "has no word and no number in it"),
        (["nowhere", "x"], 2, "There is no tenant 'nowhere'"),
        (["northwind", "x", "--type", "agentassist"], 2, "agentassist"),
    ],
)
def test_a_command_that_finds_nothing_says_so(pages: PageWorld, words: list[str], code: int, sentence: str) -> None:
    ran = run("search", *words)
    assert ran.code == code
    assert sentence in ran.out + ran.err
