"""The chain shows every change, wherever it is made."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbacks.chain import GENESIS, Linked, canonical_payload, first_break, link


def chain_of(count: int) -> list[Linked]:
    entries: list[Linked] = []
    previous = GENESIS
    for seq in range(1, count + 1):
        payload = canonical_payload({"seq": seq, "action": "write.intent", "object": "agentassist.config:cfg-1"})
        entries.append(Linked(seq, payload, previous, link(previous, payload)))
        previous = entries[-1].hash
    return entries


def broken(entries: list[Linked], *, like: list[Linked]) -> bool:
    return first_break(entries, head_seq=len(like), head_hash=like[-1].hash) is not None


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
    found = first_break(entries[:3], head_seq=5, head_hash=entries[-1].hash)
    assert found is not None
    assert "missing at the end" in found.message


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
