"""Comparisons laid out for a page, the last few kept in memory: a page of megabytes asks for many parts of one.

Documents never change, so a layout is known by the SHA-256 of its two documents.
"""

import threading
from collections import OrderedDict
from typing import Final

from tenants import comparing
from tenants.documents import Layout
from tenants.models import Snapshot

LARGEST_KEPT: Final = 24 * 1024 * 1024
"""Bytes of all documents whose layouts are kept in one process; the one asked for last always is."""

_Key = tuple[str, str, str, bool]


class _Layouts:
    """Layouts by their documents: the ones not asked for the longest go when there are too many bytes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[_Key, tuple[Layout, int]] = OrderedDict()

    def of(self, before: Snapshot, after: Snapshot, type_name: str, *, without_volatile: bool) -> Layout:
        key = (before.document_id, after.document_id, type_name, without_volatile)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key][0]
        difference, (old, new) = comparing.difference(before, after, type_name)
        made = Layout(old, new, difference, without_volatile=without_volatile)
        with self._lock:
            self._known[key] = made, before.document.size + after.document.size
            while len(self._known) > 1 and sum(size for _, size in self._known.values()) > LARGEST_KEPT:
                self._known.popitem(last=False)
        return made

    def forget(self) -> None:
        with self._lock:
            self._known.clear()


_layouts = _Layouts()


def forget() -> None:
    """Forget every layout, as a process that has just started."""
    _layouts.forget()


def layout(before: Snapshot, after: Snapshot, type_name: str, *, without_volatile: bool = False) -> Layout:
    """Give two versions laid out, words in place of secrets; raises `comparing.NotComparable`.

    It is shared between callers: look at it and never change what it holds.
    """
    return _layouts.of(before, after, type_name, without_volatile=without_volatile)
