"""The tree over a tenant's entries: roots, and proofs that an entry is in it and that it only ever grew.

RFC 6962 section 2.1, SHA-256:

    leaf = SHA-256(0x00 ‖ data)      node = SHA-256(0x01 ‖ left ‖ right)

The data of a leaf is the hash of an entry. A tree of n leaves splits at the largest power of two below n, so all that
a root needs are the roots of its perfect subtrees, at most one for each binary digit of n: its *peaks*. `Peaks` keeps
only those, and a new entry costs about one hash; `Tree` keeps all nodes and gives proofs.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

SIZE: Final = 32
"""Bytes of a hash."""
EMPTY: Final = hashlib.sha256(b"").digest()
"""The root of no leaves at all (section 2.1)."""


def leaf_hash(data: bytes) -> bytes:
    """Give the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Give the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Peaks:
    """A tree that can only grow and give its root: the roots of its perfect subtrees, the largest first."""

    def __init__(self, size: int = 0, peaks: bytes = b"") -> None:
        """Go on from a size and the bytes that `to_bytes` gave; raise ValueError where these do not fit each other."""
        if size < 0 or len(peaks) != size.bit_count() * SIZE:
            raise ValueError(f"{len(peaks)} bytes are not the peaks of a tree of {size} leaves.")
        self.size = size
        self._peaks = [peaks[at : at + SIZE] for at in range(0, len(peaks), SIZE)]

    def append(self, data: bytes) -> None:
        """Add one leaf."""
        self.extend((data,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves, each given as its data."""
        sha256, peaks, count = hashlib.sha256, self._peaks, self.size
        for data in leaves:
            node = sha256(b"\x00" + data).digest()
            digits = count
            while digits & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                digits >>= 1
            peaks.append(node)
            count += 1
        self.size = count

    def root(self) -> bytes:
        """Give the root of all leaves so far."""
        if not self._peaks:
            return EMPTY
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def to_bytes(self) -> bytes:
        """Give the peaks, the largest subtree's first."""
        return b"".join(self._peaks)


class Tree:
    """A tree with all its nodes, about 64 bytes for each leaf, that proves what it holds."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        """Build it from the data of its leaves."""
        # For each height the roots of the perfect subtrees of that height, one behind the other.
        self._levels: list[bytearray] = [bytearray()]
        self.size = 0
        for data in leaves:
            self.append(data)

    def append(self, data: bytes) -> None:
        """Add one leaf."""
        node, height, digits = leaf_hash(data), 0, self.size
        self._levels[0] += node
        while digits & 1:
            level = self._levels[height]
            node = node_hash(bytes(level[-2 * SIZE : -SIZE]), bytes(level[-SIZE:]))
            height += 1
            if height == len(self._levels):
                self._levels.append(bytearray())
            self._levels[height] += node
            digits >>= 1
        self.size += 1

    def root(self, size: int | None = None) -> bytes:
        """Give the root of the first `size` leaves, or of all."""
        size = self._checked(self.size if size is None else size)
        return self._hash(0, size) if size else EMPTY

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Prove that leaf `index` (from 0) is among the first `size` (section 2.1.1)."""
        size = self._checked(self.size if size is None else size)
        if not 0 <= index < size:
            raise ValueError(f"There is no leaf {index} among {size}.")
        return list(self._path(index, 0, size))

    def consistency_proof(self, old: int, size: int | None = None) -> list[bytes]:
        """Prove that the first `size` leaves begin with the first `old` (section 2.1.2); empty for equal sizes."""
        size = self._checked(self.size if size is None else size)
        if not 0 < old <= size:
            raise ValueError(f"A tree of {size} leaves did not grow from one of {old}.")
        return list(self._growth(old, 0, size, whole=True))

    def _checked(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise ValueError(f"This tree has {self.size} leaves, not {size}.")
        return size

    def _hash(self, begin: int, end: int) -> bytes:
        width = end - begin
        if width & (width - 1) == 0:
            at = begin // width * SIZE
            return bytes(self._levels[width.bit_length() - 1][at : at + SIZE])
        middle = begin + _split(width)
        return node_hash(self._hash(begin, middle), self._hash(middle, end))

    def _path(self, index: int, begin: int, end: int) -> Iterator[bytes]:
        if end - begin == 1:
            return
        middle = begin + _split(end - begin)
        if index < middle:
            yield from self._path(index, begin, middle)
            yield self._hash(middle, end)
        else:
            yield from self._path(index, middle, end)
            yield self._hash(begin, middle)

    def _growth(self, old: int, begin: int, end: int, *, whole: bool) -> Iterator[bytes]:
        if old == end:
            if not whole:
                yield self._hash(begin, end)
            return
        middle = begin + _split(end - begin)
        if old <= middle:
            yield from self._growth(old, begin, middle, whole=whole)
            yield self._hash(middle, end)
        else:
            yield from self._growth(old, middle, end, whole=False)
            yield self._hash(begin, middle)


def verify_inclusion(*, leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether `proof` shows that the leaf with hash `leaf` is number `index` of the tree with this root.

    The algorithm is that of RFC 9162 section 2.1.3.2, which computes the same tree.
    """
    if not 0 <= index < size or len(leaf) != SIZE:
        return False
    at, last, node = index, size - 1, leaf
    for part in proof:
        if last == 0 or len(part) != SIZE:
            return False
        if at & 1 or at == last:
            node = node_hash(part, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, part)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(*, old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether `proof` shows that the tree with `root` grew from the one with `old_root`.

    The algorithm is that of RFC 9162 section 2.1.4.2. Nothing is shown of an empty tree, from which any tree grows.
    """
    if old == size:
        return old > 0 and old_root == root and not proof
    if not 0 < old < size or not proof:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for part in path[1:]:
        if last == 0 or len(part) != SIZE:
            return False
        if at & 1 or at == last:
            first, second = node_hash(part, first), node_hash(part, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, part)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == root


def _split(width: int) -> int:
    """Give the largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)
