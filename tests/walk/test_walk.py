"""Nobody gets a byte of another tenant, whatever address, method and role."""

import os
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterator

import pytest
from django.http.response import HttpResponseBase
from django.test import Client

from tests.walk import worlds
from tests.walk.routes import METHODS, SAFE, Form, Forms, Route, UnknownParameter, argument_sets, routes
from tests.walk.worlds import Sides, changed, signed_in, state
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = 24
LEAVES = {"logout", "account_logout", "sign_out_elsewhere"}
"""Routes that end the session."""


@pytest.fixture
def sides(world: World) -> Sides:
    """Give the two tenants."""
    return worlds.build(world)


def chosen(everything: list[Route], part: int | None) -> list[Route]:
    """Give the routes of one part, or all of them."""
    if part is None:
        return everything
    return [one for one in everything if zlib.crc32(one.pattern.encode()) % PARTS == part]


PART = int(os.environ.get("WALK_PART", "3"))
"""Which part an everyday run walks; `make slow` walks all of them."""


def said(answer: HttpResponseBase) -> str:
    """Give everything that an answer carries: body, headers, cookies, the address it leads to."""
    streamed = getattr(answer, "streaming_content", None)
    body = b"".join(streamed) if streamed is not None else answer.content  # type: ignore[attr-defined]
    headers = "\n".join(f"{name}: {value}" for name, value in answer.items())
    return f"{headers}\n{answer.cookies}\n{body.decode('latin-1')}".lower()


def leaked(answer: HttpResponseBase, sides: Sides, *sent: str) -> list[str]:
    """Give the secrets of the other tenant that an answer holds and that were not sent with the request."""
    text, known = said(answer), " ".join(sent).lower()
    return [one for one in sides.secrets if one in text and one not in known]


def send(client: Client, method: str, path: str, body: dict[str, list[str]] | None = None) -> HttpResponseBase:
    """Send one request, as a browser would."""
    if method == "POST":
        return client.post(path, body or {"post": ["yes"], "confirm": ["yes"]})
    return client.generic(method, path)


def forms_of(client: Client, addresses: list[str]) -> tuple[dict[str, Form], set[str]]:
    """Give the forms that these pages show, by their address and what they hold, and the names that pages ask with."""
    found: dict[str, Form] = {}
    asked: set[str] = set()
    for path in addresses:
        answer = client.get(path)
        if answer.status_code != 200 or "html" not in answer.get("Content-Type", ""):
            continue
        read = Forms(answer.content.decode(), path)
        asked |= read.asked
        for form in read.found:
            found.setdefault(f"{form.action} {sorted(form.fields)} {form.buttons}", form)
    return found, asked


def walk_elsewhere(sides: Sides, which: list[Route], asked: set[str]) -> Counter[str]:
    """Walk with another tenant's rows, nonsense and mixes, in every role; nothing is told and nothing changed."""
    counted: Counter[str] = Counter()
    troubles: list[str] = []
    sets = {
        route: argument_sets(
            route, lambda label: sides.row(label, sides.own), lambda label: sides.row(label, sides.foreign)
        )
        for route in which
    }
    for role, user in [*sides.walkers.items(), ("anonymous", None)]:
        if role == "owner":
            continue  # sees every tenant
        client = signed_in(user)
        before = state()
        for route, kinds in sets.items():
            for path in {route.address(values) for values in kinds.values()} - {route.address(kinds["own"])}:
                counted["requests"] += len(METHODS)
                troubles += _troubles_at(path, route, role, client, sides)
        if difference := changed(before, state()):
            troubles.append(f"{role}: what was asked for elsewhere changed {difference}")
        # A page of one's own may look at one's own live object, and that look is kept.
        before = state(sides.foreign)
        for path in (route.address(kinds["own"]) for route, kinds in sets.items()):
            for value in _names_elsewhere(sides):
                query = "&".join(f"{name}={value}" for name in sorted(asked))
                answer = send(client, "GET", f"{path}?{query}")
                _judge(troubles, answer, sides, (role, "GET", f"{path}?…={value}"), path, value)
                counted["queries"] += 1
        if difference := changed(before, state(sides.foreign)):
            troubles.append(f"{role}: names of another tenant in an address changed {difference}")
    assert not troubles, "\n".join(troubles)
    return counted


def _names_elsewhere(sides: Sides) -> list[str]:
    labels = ("tenants.tenant", "tenants.trackedconfig", "tenants.snapshot", "rollbacks.rollback")
    rows = [sides.row(label, sides.foreign) for label in labels]
    return ["northwind", *(str(row.pk) for row in rows if row is not None), worlds.MARK]


def _troubles_at(path: str, route: Route, role: str, client: Client, sides: Sides) -> list[str]:
    troubles: list[str] = []
    for method in METHODS:
        answer = send(client, method, path)
        _judge(troubles, answer, sides, (role, method, path), path)
        if not _nothing_there(answer, route, role, path):
            troubles.append(f"{role} {method} {path}: {answer.status_code} where nothing is there")
    return troubles


def _judge(troubles: list[str], answer: HttpResponseBase, sides: Sides, what: tuple[object, ...], *sent: str) -> None:
    found = leaked(answer, sides, *sent)
    if found:
        troubles.append(f"{what}: it tells {found}")
    if answer.status_code >= 500:
        troubles.append(f"{what}: {answer.status_code}")


def _nothing_there(answer: HttpResponseBase, route: Route, role: str, path: str) -> bool:
    if answer.status_code in {400, 403, 404, 405}:
        return True
    if answer.status_code == 302:  # to the sign-in, or from Django's short address to the page that then answers 404
        target = str(answer["Location"])
        return role == "anonymous" or "/login/" in target or "/confirm/" in target or (
            not route.name and target.startswith(path)
        )  # fmt: skip
    # A route that names no tenant's row answers as it always does.
    return not any(label.startswith(("tenants", "rollbacks")) for label in route.models().values())


def own_addresses(sides: Sides, which: list[Route]) -> Iterator[str]:
    """Give the addresses of one's own rows."""
    for route in which:
        if route.name not in LEAVES:
            yield route.address(argument_sets(route, lambda label: sides.row(label, sides.own), lambda _: None)["own"])


def walk(sides: Sides, part: int | None) -> None:
    """Walk and print what was counted."""
    every = routes()
    which = chosen(every, part)
    _forms, asked = forms_of(signed_in(sides.walkers["owner"]), list(own_addresses(sides, which)))
    counted = walk_elsewhere(sides, which, asked)
    sys.stdout.write(
        f"\n{len(which)} of {len(every)} routes x {len(METHODS)} methods x {len(sides.walkers)} roles:"
        f" {counted['requests']} requests for rows of another tenant, nonsense and mixes,"
        f" {counted['queries']} queries with its names.\n"
    )
    assert counted["requests"] + counted["queries"] > 0


def test_a_part_of_all_addresses_tells_nobody_anything_of_another_tenant(sides: Sides) -> None:
    walk(sides, PART)
    finds_what_is_planted(sides)


@pytest.mark.slow
def test_no_address_tells_anybody_anything_of_another_tenant(sides: Sides) -> None:
    walk(sides, None)


def test_every_route_of_the_resolver_has_arguments() -> None:
    every = routes()
    assert len(every) > 100
    for route in every:
        assert "<" not in route.address(dict.fromkeys(route.models(), "1")), route
        assert not re.search(r"\(\?P", route.address(dict.fromkeys(route.models(), "1"))), route


def test_a_route_with_a_parameter_that_nobody_knows_is_not_passed_by() -> None:
    with pytest.raises(UnknownParameter, match="the walk knows no row for it"):
        Route(pattern="tenants/<uuid:freezing_thing_pk>/", name="new", parameters=("freezing_thing_pk",)).models()


def finds_what_is_planted(sides: Sides) -> None:
    """Hold the walk's own eyes against a leak and a change; in the world that was walked, which takes long to make."""

    class Leaking:
        streaming_content = None
        content = f"<p>{worlds.MARK} misfires</p>".encode()
        cookies = ""

        def items(self) -> list[tuple[str, str]]:
            return [("Location", f"/tenants/tenant/{sides.foreign.pk}/change/")]

    found = leaked(Leaking(), sides)  # type: ignore[arg-type]
    assert set(found) == {worlds.MARK, str(sides.foreign.pk)}
    before = state()
    sides.foreign.frozen_reason = "x"
    sides.foreign.save(update_fields=["frozen_reason"])
    assert list(changed(before, state())) == ["tenants_tenant"]
    assert set(SAFE) < set(METHODS)
