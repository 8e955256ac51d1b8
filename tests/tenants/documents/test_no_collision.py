"""Two configurations share a digest exactly when they are one: numbers, normal forms, order of keys, own corpora."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.documents import Number, Value, compare, digest, load
from tenants.remote import usable_for_if_match
from tests.tenants.documents.applying import apply_changes
from tests.tenants.documents.corpora import corpus, texts, values

FORMS: Final[tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...]] = ("NFC", "NFD", "NFKC", "NFKD")

digits = st.text("0123456789", min_size=1, max_size=40)
signs = st.sampled_from(["", "-"])


@st.composite
def spelled(draw: st.DrawFn) -> str:
    """Give a number in one of its many spellings: plain, with a fraction, an exponent, zeros at either end."""
    whole = draw(digits).lstrip("0") or "0"
    fraction = f".{draw(digits)}" if draw(st.booleans()) else ""
    exponent = ""
    if draw(st.booleans()):
        exponent = (
            draw(st.sampled_from(["e", "E"])) + draw(st.sampled_from(["", "+", "-"])) + str(draw(st.integers(0, 400)))
        )
    return draw(signs) + whole + fraction + exponent


def exact(spelling: str) -> Fraction:
    return Fraction(Decimal(spelling))


@given(spelled(), spelled())
def test_two_numbers_share_a_digest_exactly_when_their_exact_values_are_equal(one: str, other: str) -> None:
    same = digest(load(one.encode())) == digest(load(other.encode()))
    assert same == (exact(one) == exact(other))


@given(spelled(), st.integers(-30, 30))
def test_a_number_keeps_its_digest_in_every_spelling_and_changes_it_with_its_last_digit(one: str, shift: int) -> None:
    value = Decimal(one)
    _, numerals, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    whole = "".join(map(str, numerals)).lstrip("0") or "0"
    sign = "-" if value < 0 else ""
    zeros = "" if whole == "0" else "0" * abs(shift)
    again = f"{sign}{whole}{zeros}e{exponent - len(zeros)}"
    assert digest(load(again.encode())) == digest(load(one.encode()))
    next_one = f"{sign}{int(whole) + 1}e{exponent}"
    assert digest(load(next_one.encode())) != digest(load(one.encode()))


@given(st.integers(2**53 - 4, 2**53 + 4), st.integers(2**53 - 4, 2**53 + 4))
def test_big_integers_that_one_double_stands_for_are_told_apart(one: int, other: int) -> None:
    assert (digest(one) == digest(other)) == (one == other)
    assert (digest([Number(f"{one}.0")]) == digest([other])) == (one == other)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_two_doubles_share_a_digest_exactly_when_they_are_equal(one: float, other: float) -> None:
    same = digest(load(json.dumps(one).encode())) == digest(load(json.dumps(other).encode()))
    assert same == (one == other)


@given(texts)
def test_the_normal_forms_of_a_text_are_as_many_configurations_as_texts(text: str) -> None:
    forms = {unicodedata.normalize(form, text) for form in FORMS} | {text}
    assert len({digest(form) for form in forms}) == len(forms)
    assert len({digest({form: 1}) for form in forms}) == len(forms)
    escaped = json.dumps(text, ensure_ascii=True).encode()
    assert digest(load(escaped)) == digest(load(json.dumps(text, ensure_ascii=False).encode()))


@pytest.mark.slow
@given(st.dictionaries(texts, values, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_keys_is_no_difference_and_the_order_of_items_is_one(
    members: dict[str, Value], random: object
) -> None:
    keys = list(members)
    random.shuffle(keys)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert digest({key: members[key] for key in keys}) == digest(members)
    items = list(members.values())
    turned: list[Value] = items[::-1]
    assert (digest(items) == digest(turned)) == ([digest(item) for item in items] == [digest(item) for item in turned])


@pytest.mark.parametrize("file", ["tests.json", "spec_tests.json"])
def test_the_documents_of_the_json_patch_tests_are_told_apart_and_the_way_between_them_is_found(file: str) -> None:
    pairs = 0
    for case in json.loads(corpus("corpora", "json-patch-tests", file).read_bytes()):
        if "doc" not in case or "expected" not in case:
            continue
        before, after = (load(json.dumps(case[key]).encode()) for key in ("doc", "expected"))
        difference = compare(before, after)
        assert digest(apply_changes(before, difference)) == digest(after), case.get("comment")
        assert (digest(before) == digest(after)) == (not difference.changes), case.get("comment")
        pairs += 1
    assert pairs >= 10


def test_the_vectors_of_rfc_8785_lose_what_a_double_loses_and_ours_does_not() -> None:
    folder = corpus("corpora", "jcs-rfc8785", "testdata")
    for path in sorted((folder / "input").glob("*.json")):
        ours, theirs = load(path.read_bytes()), load((folder / "output" / path.name).read_bytes())
        # The one vector with numbers that no double holds is rounded there, and another configuration here.
        assert (digest(ours) == digest(theirs)) == (path.name != "values.json"), path.name


def test_every_etag_of_our_corpus_is_judged_as_it_says() -> None:
    told = json.loads(corpus("corpora", "own", "etag_cases.json").read_bytes())
    for case in told["header_cases"]:
        etag = case["etag"]
        # The optional space around a field value is gone before an ETag is judged.
        raw = None if etag is None else etag.strip(" \t").encode("latin-1")
        assert usable_for_if_match(raw) is bool(case["usable_in_if_match"]), case
