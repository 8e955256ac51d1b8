"""The tree is that of RFC 6962: the published vectors of proofs, good and bad, and the RFC's own definition."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbacks import merkle
from tests.tenants.documents.corpora import corpus


def vectors(kind: str) -> list[Path]:
    found = sorted(corpus("corpora", "rfc6962-merkle-proofs", "testdata", kind).rglob("*.json"))
    assert len(found) == 98, "the corpus is there as a whole"
    return found


def read(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text())
    for name in ("root", "root1", "root2", "leafHash"):
        if name in told:
            told[name] = base64.b64decode(told[name] or "")
    told["proof"] = [base64.b64decode(part) for part in told["proof"] or []]
    return told


def test_every_published_proof_of_inclusion_is_judged_as_published() -> None:
    for path in vectors("inclusion"):
        told = read(path)
        found = merkle.verify_inclusion(
            leaf=told["leafHash"], index=told["leafIdx"], size=told["treeSize"], root=told["root"], proof=told["proof"]
        )
        assert found is not told["wantErr"], path


def test_every_published_proof_of_consistency_is_judged_as_published() -> None:
    for path in vectors("consistency"):
        told = read(path)
        found = merkle.verify_consistency(
            old=told["size1"], old_root=told["root1"], size=told["size2"], root=told["root2"], proof=told["proof"]
        )
        assert found is not told["wantErr"], path


def defined(leaves: list[bytes]) -> bytes:
    """Give the root word by word as RFC 6962 section 2.1 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + defined(leaves[:split]) + defined(leaves[split:])).digest()


def entries(count: int) -> list[bytes]:
    return [hashlib.sha256(str(number).encode()).digest() for number in range(count)]


def test_all_three_ways_to_a_root_agree_at_every_size() -> None:
    peaks, tree = merkle.Peaks(), merkle.Tree(entries(70))
    for size in range(71):
        assert peaks.root() == tree.root(size) == defined(entries(size))
        peaks = merkle.Peaks(peaks.size, peaks.to_bytes())
        peaks.append(entries(71)[size])


def test_every_proof_holds_for_its_own_leaf_and_size_and_for_no_other() -> None:
    leaves = entries(33)
    tree = merkle.Tree(leaves)
    for size in range(1, 34):
        root = tree.root(size)
        for index in range(size):
            proof = tree.inclusion_proof(index, size)
            known: dict[str, Any] = {"leaf": merkle.leaf_hash(leaves[index]), "size": size, "root": root}
            assert merkle.verify_inclusion(index=index, proof=proof, **known)
            assert not merkle.verify_inclusion(index=index + 1, proof=proof, **known)
            assert not merkle.verify_inclusion(index=index, proof=[*proof, root], **known)
        for old in range(1, size + 1):
            growth = tree.consistency_proof(old, size)
            known = {"old": old, "size": size, "proof": growth}
            assert merkle.verify_consistency(old_root=tree.root(old), root=root, **known)
            assert not merkle.verify_consistency(old_root=leaves[0], root=root, **known)
            assert not merkle.verify_consistency(old_root=tree.root(old), root=leaves[0], **known)


@given(st.integers(2, 3000), st.data())
def test_a_leaf_that_was_exchanged_is_in_no_proof(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = entries(size)
    honest = merkle.Tree(leaves)
    leaves[index] = b"another entry"
    forged = merkle.Tree(leaves)
    leaf = merkle.leaf_hash(leaves[index])
    assert forged.root() != honest.root()
    proof = forged.inclusion_proof(index)
    assert not merkle.verify_inclusion(leaf=leaf, index=index, size=size, root=honest.root(), proof=proof)


@pytest.mark.parametrize(("size", "peaks"), [(1, b""), (3, bytes(32)), (0, bytes(32)), (-1, b"")])
def test_peaks_that_do_not_fit_their_size_are_refused(size: int, peaks: bytes) -> None:
    with pytest.raises(ValueError, match="not the peaks"):
        merkle.Peaks(size, peaks)


def test_what_a_tree_does_not_hold_it_does_not_prove() -> None:
    tree = merkle.Tree(entries(5))
    for impossible in (
        lambda: tree.root(6),
        lambda: tree.inclusion_proof(5),
        lambda: tree.inclusion_proof(-1),
        lambda: tree.consistency_proof(0),
        lambda: tree.consistency_proof(6),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - the sentences differ
            impossible()
