"""Every form that a page of one's own tenant offers, sent in every role: just those who may change anything."""

import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.test import Client
from django.urls import resolve, reverse

from tenants.access import Role
from tests.rollbacks.conftest import Desk
from tests.walk import homes
from tests.walk.homes import Home
from tests.walk.routes import Form, Forms, routes
from tests.walk.worlds import changed, signed_in, state
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

Sent = tuple[str, str]
"""The name of a route, and of the button that is pressed there."""

TYPED = {
    "reason": homes.WHY,
    "comment": homes.WHY,
    "note": homes.WHY,
    "ticket": "INC-4711",
    "when": "2027-12-24 18:00 to 2027-12-27 06:00",
    "minutes": "30",
    "zone": "UTC",
    "at": "23:55",
}
"""What somebody types into the fields that a form leaves empty."""
OWN = re.compile(r"^/(login|confirm|sign-in|logout|password_change)/")
"""Pages about the person alone."""


@pytest.fixture(autouse=True)
def _nobody_is_asked_anew_who_they_are(settings: Any) -> None:
    """Let a sign-in count for the whole walk, however busy the machine."""
    settings.CONSOLE_STEP_UP_MINUTES = settings.CONSOLE_SESSION_IDLE_MINUTES = 24 * 60


class Undo(Exception):
    """Ends a transaction whose changes are not to stay."""


def kind_of(action: str, button: str) -> Sent:
    """Give what a form does, whatever row it is about."""
    return str(resolve(urlsplit(action).path).url_name), re.sub(r":\d+$|=.* .*$", "", button)


class Pages:
    """What each role is offered: forms by address and button, and where links lead, one for each kind of page."""

    def __init__(self, clients: dict[str, Client], addresses: list[str]) -> None:
        self.forms: dict[str, dict[tuple[str, str], Form]] = {}
        self.links: dict[str, dict[str, str]] = {}
        self.opened = 0
        for role, client in clients.items():
            forms = self.forms.setdefault(role, {})
            links = self.links.setdefault(role, {})
            for path in addresses:
                answer = client.get(path)
                assert answer.status_code < 500, (role, path)
                if answer.status_code != 200 or "html" not in answer.get("Content-Type", ""):
                    continue
                self.opened += 1
                page = answer.content.decode()
                for one in re.findall(r'<a [^>]*href="(/[^"]*)"', page):
                    link = urlsplit(one).path
                    links.setdefault(str(resolve(link).url_name), link)
                for form in Forms(page, path).found:
                    for name, value in form.buttons:
                        if not OWN.match(form.action):
                            does = "".join(f"do={one}" for one in form.fields.get("do", ())[:1])
                            forms.setdefault((form.action, f"{name}={value}" if name else does), form)

    def kinds(self) -> dict[tuple[str, str], Form]:
        """Give one form of each kind, fields and set of roles that it is offered to."""
        every = {key: form for forms in self.forms.values() for key, form in forms.items()}
        found: dict[object, tuple[str, str]] = {}
        for key, form in every.items():
            roles = frozenset(role for role, forms in self.forms.items() if key in forms)
            found.setdefault((kind_of(*key), frozenset(form.fields), roles), key)
        return {key: every[key] for key in found.values()}


def body_of(home: Home, form: Form, button: str) -> dict[str, list[str]]:
    """Give what somebody would send who fills in what the form leaves empty."""
    body = {name: [TYPED[name]] if values == [""] and name in TYPED else values for name, values in form.fields.items()}
    for name in ("typed_name", "confirm_name"):
        if name in body:
            config = next(one for one in home.rows("tenants.trackedconfig"))
            body[name] = [config.name]  # type: ignore[attr-defined]
    if button:
        name, _, value = button.partition("=")
        body[name] = [value]
    return body


def tried(client: Client, path: str, body: dict[str, list[str]], before: dict[str, str]) -> tuple[int, list[str]]:
    """Give how a form was answered and which tables it changed; what it did is taken back."""
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]  # a view's own durable transaction may stand in it
    try:
        with around:
            status = client.post(path, body).status_code
            difference = list(changed(before, state()))
            raise Undo  # noqa: TRY301 - it takes back what the form did
    except Undo:
        client.cookies = SimpleCookie(cookies)
        return status, difference


@dataclass
class Walked:
    """What a walk found."""

    counted: Counter[str]
    offered: dict[Sent, set[str]]
    done: dict[Sent, set[str]]
    """Who changed anything by each kind of form."""
    troubles: list[str]


def walk(home: Home, addresses: list[str], *, follow: bool) -> Walked:
    """Send every kind of form in every role, and `follow` a link of each kind."""
    clients = {role: signed_in(user) for role, user in home.walkers.items()}
    pages = Pages(clients, addresses)
    kinds = pages.kinds()
    counted = Counter(pages=pages.opened, forms=len(kinds), roles=len(clients))
    offered, done = defaultdict[Sent, set[str]](set), defaultdict[Sent, set[str]](set)
    troubles: list[str] = []
    before = state()
    for (action, button), form in kinds.items():
        sent = kind_of(action, button)
        for role, client in clients.items():
            shown = pages.forms[role].get((action, button))
            status, difference = tried(client, action, body_of(home, shown or form, button), before)
            counted["sent"] += 1
            what = f"{role} {sent} at {action}: {status}, changed {difference}"
            if shown is not None:
                offered[sent].add(role)
            if difference:
                done[sent].add(role)
            if status >= 500 or (shown is not None and status in {403, 404, 405}):
                troubles.append(f"{what}, though it is offered")
            if shown is None and (difference or status not in ({302} if role == "no login" else {403, 404})):
                troubles.append(f"{what}, though it is not offered")
    for role, links in pages.links.items():
        for path in links.values() if follow else ():
            counted["links"] += 1
            if (status := clients[role].get(path).status_code) >= 400:
                troubles.append(f"{role}: a link leads to {path}: {status}")
    return Walked(counted, dict(offered), dict(done), troubles)


MAY: dict[str, set[Sent]] = {
    "everybody": {
        ("tenants_trackedconfig_look", ""),
        ("rollbacks_rollback_plan", "do=choose"),
        ("rollbacks_rollback_plan", "of=keep"),
        ("rollbacks_auditentry_change", ""),
    },
    "operator": {
        ("tenants_everything_ask", ""),
        ("tenants_everything", "do=choose"),
        ("tenants_everything", "do=cancel"),
        ("rollbacks_rollback_plan", ""),
        ("rollbacks_rollback_change", "do=again"),
        ("rollbacks_guardprobe_of_config", ""),
    },
    "approver operator": {
        ("tenants_trackedconfig_accept", ""),
        ("tenants_trackedconfig_label", "label=good"),
        ("tenants_trackedconfig_label", "label=bad"),
        ("tenants_trackedconfig_label", ""),
        ("tenants_trackedconfig_bisects", ""),
        ("tenants_trackedconfig_bisect", "answer=good"),
        ("tenants_trackedconfig_bisect", "answer=bad"),
        ("tenants_trackedconfig_bisect", "answer=skip"),
        ("rollbacks_rollback_change", "do=cancel"),
        ("rollbacks_rollback_change", "do=keep"),
        ("rollbacks_rollback_change", "do=run"),
        ("rollbacks_rollback_change", "do=schedule"),
        ("rollbacks_rollback_change", "do=unschedule"),
    },
    "approver auditor operator": {("rollbacks_rollback_evidence", "")},
    "administrator approver operator": {
        ("tenants_tenant_freeze", "frozen=yes"),
        ("rollbacks_freezewindow_changelist", ""),
    },
    "approver": {("rollbacks_rollback_change", "do=approve"), ("rollbacks_rollback_change", "do=reject")},
    "administrator approver": {("rollbacks_brokenglass_change", "do=end")},
    "auditor": {("rollbacks_auditentry_export", "format=jsonl"), ("rollbacks_auditentry_export", "format=csv")},
    "administrator": {
        ("tenants_membership_add", "_save=Save"),
        ("tenants_membership_delete", ""),
        ("tenants_tenant_edit", "_save=Save"),
        ("rollbacks_freezewindow_end", ""),
    },
    "incident": {("rollbacks_rollback_change", "do=override"), ("rollbacks_brokenglass_of_config", "")},
    "": {
        ("tenants_tenant_add", "_save=Save"),
        ("tenants_grouprole_add", "_save=Save"),
        ("tenants_grouprole_delete", ""),
        ("tenants_claimrole_add", "_save=Save"),
        ("tenants_claimrole_delete", ""),
        ("auth_user_password_change", "set-password"),
        ("auth_user_password_change", "unset-password"),
        ("auth_user_add", "_save=Save"),
        ("auth_user_change", "_save=Save"),
        ("auth_group_add", "_save=Save"),
        ("auth_group_change", "_save=Save"),
    },
}
"""Every kind of form by the roles that may send it, beside platform owners (docs/SECURITY.md)."""
AS_IT_IS: set[Sent] = {
    ("rollbacks_auditentry_change", ""),
    ("rollbacks_rollback_plan", "do=choose"),
    ("tenants_everything_ask", ""),
    ("tenants_trackedconfig_bisects", ""),
    ("tenants_tenant_edit", "_save=Save"),
    *((f"{what}_add", "_save=Save") for what in ("auth_user", "auth_group", "tenants_tenant")),
    *((f"tenants_{what}_add", "_save=Save") for what in ("membership", "grouprole", "claimrole")),
    *(sent for sent in MAY[""] if sent[0] == "auth_user_password_change"),
}
"""Forms that change nothing as the walk fills them: they prove, choose, or want a name or a password that is free."""


def who_may(sent: Sent) -> set[str]:
    """Give the roles that may send a form; none for one that is not in the table."""
    roles = next((words for words, kinds in MAY.items() if sent in kinds), None)
    if roles is None:
        return set()
    return {"owner", *(role.value for role in Role)} if roles == "everybody" else {"owner", *roles.split()}


def check(found: Walked) -> None:
    """Hold what a walk found against the table."""
    troubles = list(found.troubles)
    for sent, roles in found.offered.items():
        if roles != who_may(sent):
            troubles.append(f"{sent} is offered to {sorted(roles)}, and {sorted(who_may(sent))} may")
        if sent not in AS_IT_IS and found.done.get(sent) != roles:
            troubles.append(f"{sent} did something for {sorted(found.done.get(sent, set()))} of {sorted(roles)}")
    assert not troubles, "\n".join(troubles)


def test_a_part_of_ones_own_forms_does_something_for_those_alone_who_may(world: World) -> None:
    rollback = Desk(world).request()
    home = homes.Home(world, (world.northwind,), homes.walkers_in(world.northwind))
    found = walk(
        home,
        [
            reverse("admin:rollbacks_rollback_change", args=[rollback.pk]),
            reverse("admin:tenants_tenant_change", args=[world.northwind.pk]),
        ],
        follow=False,
    )
    check(found)
    assert len(found.offered) == 6


@pytest.mark.slow
def test_every_form_of_ones_own_tenant_does_something_for_those_alone_who_may(world: World) -> None:
    home = homes.build(world)
    addresses = [path for route in routes() for path in home.addresses(route) if not OWN.match(path)]
    found = walk(home, addresses, follow=True)
    sys.stdout.write(f"\nForms of one's own tenant: {dict(found.counted)}.\n")
    check(found)
    missing = {sent for kinds in MAY.values() for sent in kinds} - set(found.offered)
    assert not missing, "no page offered these"
