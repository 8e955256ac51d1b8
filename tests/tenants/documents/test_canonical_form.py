from __future__ import annotations

import hashlib
import itertools
import json
import time

import pytest
from hypothesis import given

from tenants.documents import Number, Value, canonical_bytes, digest, load
from tests.tenants.documents.corpora import values


def test_the_form_is_sorted_exact_and_written_in_utf_8() -> None:
    raw = '{"z": [1.50, 1E2, -0, 1.0], "a": {"é": "\\u00e9\\n\\"", "B": null}, "t": true}'.encode()
    expected = '{"a":{"B":null,"é":"é\\n\\""},"t":true,"z":[15e-1,100,0,1]}'.encode()
    assert canonical_bytes(load(raw)) == expected
    assert digest(load(raw)) == hashlib.sha256(expected).hexdigest()


@pytest.mark.parametrize(
    "spellings",
    [
        ["1", "1.0", "1e0", "10E-1", "0.1e1", "1.000000"],
        ["0", "-0", "0.0", "-0.0", "0e999999999", "-0E-5"],
        ["1e400", "1" + "0" * 400, "10e399", "0.1E401"],
        ["-15e31", "-15" + "0" * 31, "-1.5e32"],
        ["1e32", "1" + "0" * 32],
        ["1e33", "1" + "0" * 33],
        ["0.1", "1e-1", "0.10"],
    ],
)
def test_one_value_in_many_spellings_has_one_digest(spellings: list[str]) -> None:
    found = [load(f'{{"n": {spelling}}}'.encode()) for spelling in spellings]
    assert len({digest(value) for value in found}) == 1
    assert all(one == other for one, other in itertools.combinations(found, 2))


def test_different_values_never_share_a_digest() -> None:
    documents = [
        b"9007199254740992",
        b"9007199254740993",
        b"0.1",
        b"0.1000000000000000055511151231257827",
        b"1e400",
        b"1e401",
        b"1e999999999",
        b"-1e999999999",
        b"1e-999999999",
        b"1",
        b"-1",
        b"true",
        b'"1"',
        b'"true"',
        b"0",
        b"false",
        b"null",
        b'""',
        b"[]",
        b"{}",
        b"[[]]",
        b"[null]",
        b'{"":null}',
        b'"15e-1"',
        b"1.5",
        b'"e\\u0301"',
        '"é"'.encode(),
        b'["a","b"]',
        b'["a,b"]',
        b'["a\\",\\"b"]',
        b'"' + b"0" * 40 + b'"',
        b"1" + b"0" * 40,
        b'"1e40"',
    ]
    assert len({digest(load(document)) for document in documents}) == len(documents)


def test_a_string_of_many_zeros_is_written_as_it_is() -> None:
    value = load(b'{"b": ["' + b"0" * 50 + b'", 1.5, true, null], "a": 1' + b"0" * 50 + b', "c": {}, "d": []}')
    assert canonical_bytes(value) == b'{"a":1e50,"b":["' + b"0" * 50 + b'",15e-1,true,null],"c":{},"d":[]}'


@given(values, values)
def test_the_form_is_equal_exactly_when_the_values_are(one: Value, other: Value) -> None:
    # Python takes True for 1, JSON does not: their types are told apart here.
    def typed(value: Value) -> object:
        if isinstance(value, dict):
            return {key: typed(member) for key, member in value.items()}
        if isinstance(value, list):
            return [typed(item) for item in value]
        return (isinstance(value, bool), value)

    assert (canonical_bytes(one) == canonical_bytes(other)) == (typed(one) == typed(other))


@given(values)
def test_the_form_is_json_of_the_same_value_and_its_own_form(value: Value) -> None:
    form = canonical_bytes(value)
    assert load(form) == value
    assert canonical_bytes(load(form)) == form


def test_a_lone_surrogate_made_by_hand_has_no_form() -> None:
    made: list[Value] = ["\ud800", ["\udfffNumber:1", Number("1.5")]]
    for value in made:
        with pytest.raises(ValueError, match="surrogate"):
            canonical_bytes(value)


def test_exponents_without_end_cost_nothing() -> None:
    raw = json.dumps(["x"] * 20_000).replace('"x"', "1e999999999").encode()
    began = time.thread_time()
    form = canonical_bytes(load(raw))
    assert time.thread_time() - began < 2
    assert len(form) < 2 * len(raw)
