"""How long a page takes from request to answer, and how much of it travels."""

from __future__ import annotations

import difflib
import gzip
import json
from functools import cache

from django.test import Client
from django.urls import reverse

from tenants import archive
from tests import page_world
from tests.bench.measuring import measure


@cache
def world() -> page_world.PageWorld:
    """Return the configurations of the page tests, with two hundred more beside them."""
    made = page_world.build()
    page_world.many(made.northwind, 200, drifted=40)
    return made


def alice() -> Client:
    """Return the browser of an operator who is signed in."""
    client = visitor()
    client.force_login(world().people["alice"])
    return client


def visitor() -> Client:
    """Return the browser of somebody who is not signed in."""
    return Client(SERVER_NAME="127.0.0.1", headers={"accept-encoding": "gzip"})


def asked(client: object, path: str) -> str:
    """Ask for a page and return its size for the table."""
    assert isinstance(client, Client)
    answer = client.get(path)
    assert answer.status_code == 200, f"{path} answered {answer.status_code}"
    body = answer.content
    plain = gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body
    return f"{len(body) / 1024:.1f} KB sent, {len(plain) / 1024:.1f} KB of HTML"


@measure("the sign-in page", prepare=visitor)
def sign_in(client: object) -> str:
    """Serve the page of somebody who is not signed in."""
    return asked(client, reverse("admin:login"))


@measure("the overview, 200 configurations", prepare=alice)
def overview(client: object) -> str:
    """Serve the first page after signing in."""
    return asked(client, reverse("admin:index"))


@measure("the list of configurations", prepare=alice)
def configurations(client: object) -> str:
    """Serve the first page of the list."""
    return asked(client, reverse("admin:tenants_trackedconfig_changelist"))


@measure("a configuration and its timeline", prepare=alice)
def timeline(client: object) -> str:
    """Serve the page of one configuration."""
    return asked(client, reverse("admin:tenants_trackedconfig_change", args=[world().billing.pk]))


def texts() -> tuple[bytes, bytes]:
    """Return the two documents that the compare page shows."""
    config = world().billing
    config.refresh_from_db()
    assert config.baseline is not None
    assert config.live is not None
    return archive.bytes_of(config.baseline), archive.bytes_of(config.live)


@measure("json.loads of both", prepare=texts)
def loads(both: object) -> str:
    """Read both documents with the standard library: the least that anybody must do."""
    assert isinstance(both, tuple)
    before, after = (json.loads(raw) for raw in both)
    return f"{len(both[0]) / 1024:.1f} and {len(both[1]) / 1024:.1f} KB" if before and after else ""


@measure("difflib's HTML table of both", prepare=texts)
def difflib_table(both: object) -> str:
    """Compare both as printed lines with the standard library, which knows nothing of JSON."""
    assert isinstance(both, tuple)
    before, after = (json.dumps(json.loads(raw), indent=2).splitlines() for raw in both)
    table = difflib.HtmlDiff().make_table(before, after, context=True)
    return f"{len(before)} and {len(after)} lines, {len(table) / 1024:.1f} KB of HTML"


@measure("comparing 300 lines, side by side", prepare=alice, against="json.loads of both")
def compare(client: object) -> str:
    """Serve what changed between the accepted version and live."""
    page = reverse("admin:tenants_trackedconfig_compare", args=[world().billing.pk])
    return asked(client, f"{page}?from=baseline&to=live")


@measure("the same, unified", prepare=alice, against="difflib's HTML table of both")
def unified(client: object) -> str:
    """Serve the same in one column."""
    page = reverse("admin:tenants_trackedconfig_compare", args=[world().billing.pk])
    return asked(client, f"{page}?from=baseline&to=live&view=unified")
