"""The chain shows every change, wherever it is made."""

import hashlib
import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rollbacks.chain import GENESIS, Linked, canonical_payload, link, why_not_next
from tests.tenants.documents.corpora import corpus


def chain_of(count: int) -> list[Linked]:
    entries: list[Linked] = []
    previous = GENESIS
    for seq in range(1, count + 1):
        payload = canonical_payload({"seq": seq, "action": "write.intent", "object": "agentassist.config:cfg-1"})
        entries.append(Linked(seq, payload, previous, link(previous, payload)))
        previous = entries[-1].hash
    return entries


def broken(entries: list[Linked], *, like: list[Linked]) -> bool:
    seq, previous = 0, GENESIS
    for entry in entries:
        if why_not_next(entry, seq=seq, previous=previous) is not None:
            return True
        seq, previous = entry.seq, entry.hash
    return (seq, previous) != (len(like), like[-1].hash)


def test_a_whole_chain_holds() -> None:
    entries = chain_of(20)
    assert not broken(entries, like=entries)


@given(st.data())
def test_an_altered_a_missing_and_a_swapped_entry_are_each_found(data: st.DataObject) -> None:
    entries = chain_of(12)
    at = data.draw(st.integers(0, 11))
    altered = list(entries)
    altered[at] = replace(altered[at], payload=altered[at].payload.replace(b"cfg-1", b"cfg-2"))
    assert broken(altered, like=entries)
    assert broken(entries[:at] + entries[at + 1 :], like=entries)
    other = data.draw(st.integers(0, 11).filter(lambda index: index != at))
    swapped = list(entries)
    swapped[at], swapped[other] = swapped[other], swapped[at]
    assert broken(swapped, like=entries)


def test_entries_cut_off_at_the_end_are_missed_by_the_head() -> None:
    entries = chain_of(5)
    assert broken(entries[:3], like=entries)


def test_the_hash_is_the_one_of_the_protocol() -> None:
    payload = canonical_payload({"b": 2, "a": "é"})
    assert payload == '{"a":"é","b":2}'.encode()
    assert link(GENESIS, payload) == hashlib.sha256(b"\x00" + bytes(32) + hashlib.sha256(payload).digest()).digest()


def test_integers_that_rfc_8785_cannot_carry_exactly_become_strings() -> None:
    assert canonical_payload({"version": 2**60}) == b'{"version":"1152921504606846976"}'
    assert canonical_payload({"version": -(2**53) + 1}) == b'{"version":-9007199254740991}'


@pytest.mark.parametrize(("value", "name"), [(b'"42-9f3c"', "bytes"), ({1, 2}, "set")])
def test_what_json_cannot_carry_is_refused_by_name(value: object, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        canonical_payload({"etag": value})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


def carried(value: object) -> object:
    match value:
        case int() if abs(value) >= 2**53:
            return str(value)
        case list():
            return [carried(item) for item in value]
        case dict():
            return {key: carried(item) for key, item in value.items()}
    return value


@settings(max_examples=60)
@given(st.dictionaries(st.text(), JSON))
@example(
    {"quote": '"\\/', "control": "".join(map(chr, range(0x21))) + "\x7f\u2028\ud7ff\U0001f600", "tuple": ((1,), ())}
)
@example({"\ue000": 1, "\U00010000": 2, "b": 1.0, "a": [True, None, -0.0]})
def test_whatever_is_told_is_spelled_as_the_package_for_rfc_8785_spells_it(fields: dict[str, object]) -> None:
    assert canonical_payload(fields) == rfc8785.dumps(carried(fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("fields", [{"half": "\ud800"}, {"\udfff": 1}, {"n": math.nan}, {"n": math.inf}])
def test_what_rfc_8785_cannot_spell_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"surrogates|non-UTF-8|not representable"):
        canonical_payload(fields)


def test_a_break_says_which_part_of_the_entry_is_another() -> None:
    one, two = chain_of(2)

    def kind(entry: Linked, *, behind: bytes = two.previous_hash) -> str:
        found = why_not_next(entry, seq=0, previous=GENESIS, next_previous=behind)
        return found.kind if found is not None else ""

    assert kind(one) == ""
    assert kind(replace(one, payload=one.payload + b" ")) == "payload"
    assert kind(replace(one, hash=bytes(32))) == "hash"
    assert kind(replace(one, previous_hash=one.hash)) == "previous_hash"
    assert kind(replace(one, seq=3)) == "gap"


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_the_published_documents_of_rfc_8785_come_out_byte_for_byte(name: str) -> None:
    folder = corpus("corpora", "jcs-rfc8785", "testdata")
    value = json.loads((folder / "input" / f"{name}.json").read_text())
    given = canonical_payload({"value": value})
    expected = (folder / "output" / f"{name}.json").read_bytes()
    assert given == b'{"value":' + expected + b"}"
    assert expected == bytes.fromhex((folder / "outhex" / f"{name}.txt").read_text())


def published_numbers(readme: str) -> Iterator[float]:
    """Give the doubles of the published sequence of RFC 8785's number tests, as its README generates them."""
    listed = readme.partition("staticU64s = new BigUint64Array([")[2].partition("])")[0]
    for word in re.findall(r"0x([0-9a-f]{16})n", listed):
        yield struct.unpack(">d", bytes.fromhex(word))[0]
    for number in range(2000):
        yield struct.unpack(">d", (0x0010000000000000 + number).to_bytes(8, "big"))[0]
    block = bytes(32)
    while True:
        block = hashlib.sha256(block).digest()
        yield from (one for one in struct.unpack("<4d", block) if one != 0 and math.isfinite(one))


@pytest.mark.parametrize("count", [1000, 10_000])
def test_the_published_sequence_of_numbers_has_its_published_hash(count: int) -> None:
    readme = (corpus("corpora", "jcs-rfc8785", "testdata") / "README.md").read_text()
    published = re.search(rf"\| ([0-9a-f]{{64}}) \| {count} +\|", readme)
    assert published is not None
    digest = hashlib.sha256()
    for _, number in zip(range(count), published_numbers(readme), strict=False):
        bits = struct.pack(">d", number).hex().lstrip("0") or "0"
        text = canonical_payload({"n": number}).removeprefix(b'{"n":').removesuffix(b"}")
        digest.update(bits.encode() + b"," + text + b"\n")
    assert digest.hexdigest() == published[1]
