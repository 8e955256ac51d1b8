"""How long the compare page of long documents takes: the first time, again, and what it fetches while it is read."""

from __future__ import annotations

import difflib
import gzip
import json
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from django.urls import reverse

from tenants import archive, layouts
from tests import page_world
from tests.bench.documents import SIZES, cases
from tests.bench.measures_pages import alice, world
from tests.bench.measuring import measure

if TYPE_CHECKING:
    from django.test import Client

    from tenants.models import TrackedConfig
    from tests.bench.documents import Case

MEASURED: Final = ("200 KB", "5 MB")


@cache
def case(size: str) -> Case:
    """Return two documents of a size, 1 % of their rules changed."""
    return next(cases({size: SIZES[size]}))


@cache
def config(size: str) -> TrackedConfig:
    """Return a configuration with these two versions."""
    made = page_world.config(world().northwind, f"cfg-{size.replace(' ', '-').lower()}", f"Agent Assist – {size}")
    documents = (json.loads(case(size).before), json.loads(case(size).after))
    first, second = (page_world.version(made, number, content) for number, content in enumerate(documents, start=1))
    return page_world.settle(made, live=second, baseline=first)


def forgotten(size: str) -> tuple[Client, str]:
    """Return a browser and the size, with everything made before forgotten."""
    config(size)
    return alice(), size


def forget() -> None:
    """Forget what a process keeps of documents that it has read."""
    layouts.forget()
    archive._value.cache_clear()


def answered(prepared: object, piece: str, query: str) -> str:
    """Ask for a piece of a comparison and return its size for the table."""
    assert isinstance(prepared, tuple)
    client, size = prepared
    address = reverse(f"admin:tenants_trackedconfig_compare{piece}", args=[config(size).pk])
    answer = client.get(f"{address}?from=1&to=2{query}")
    assert answer.status_code == 200
    body = answer.content
    plain = gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body
    rows = plain.count(b"<tr")
    return f"{len(body) / 1024:.1f} KB sent, {len(plain) / 1024:.1f} KB of HTML" + (f", {rows} rows" if rows else "")


def loads(prepared: object) -> str:
    """Read both documents with the standard library: the least that anybody must do."""
    assert isinstance(prepared, str)
    one = case(prepared)
    return (
        f"{len(one.before) / 1024:,.0f} KB each, {one.truth} changes"
        if json.loads(one.before) and json.loads(one.after)
        else ""
    )


def table(prepared: object) -> str:
    """Compare both as printed lines with the standard library, which knows nothing of JSON."""
    assert isinstance(prepared, str)
    both = (case(prepared).before, case(prepared).after)
    before, after = (json.dumps(json.loads(raw), indent=2).splitlines() for raw in both)
    made = difflib.HtmlDiff().make_table(before, after, context=True)
    return f"{len(before):,} lines, {len(made) / 1024:.1f} KB of HTML"


def first_time(prepared: object) -> str:
    """Serve the page in a process that has never read the documents."""
    forget()
    return answered(prepared, "", "")


for _size in MEASURED:
    _parsing = f"json.loads of both, {_size}"
    measure(_parsing, prepare=partial(str, _size))(loads)
    if _size == "200 KB":
        measure(f"difflib's HTML table, {_size}", prepare=partial(str, _size), against=_parsing)(table)
    measure(f"comparing {_size}, the first time", prepare=partial(forgotten, _size), against=_parsing)(first_time)
    for _what, _piece, _query in (
        ("comparing {}, again", "", ""),
        ("unfolding 200 lines of {}", "_rows", "&within=60-460&show=60-260"),
        ("finding a text in {}", "_found", "&find=money back 1"),
        ("jumping to a path in {}", "_found", "&find=/content/rules/300/knowledge/minConfidence"),
    ):
        measure(_what.format(_size), prepare=partial(forgotten, _size), against=_parsing)(
            partial(answered, piece=_piece, query=_query)
        )
