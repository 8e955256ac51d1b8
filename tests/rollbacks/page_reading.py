"""What a test reads from a page: its text without markup, and the addresses of the pages of rollbacks."""

import html
import re
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import reverse

from rollbacks.models import AuditEntry, Rollback
from tenants.models import Snapshot, TrackedConfig

_HIDDEN = re.compile(r"<(script|style|head)\b.*?</\1>", re.DOTALL)


def markup_of(response: HttpResponseBase) -> str:
    """Give a page as it is sent."""
    return str(getattr(response, "content", b"").decode())


def text_of(response: HttpResponseBase) -> str:
    """Give the words of a page as somebody who cannot see its colours reads them."""
    page = _HIDDEN.sub(" ", markup_of(response))
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def main_of(response: HttpResponseBase) -> str:
    """Give the markup of the page's main part."""
    return markup_of(response).split("<main", 1)[1].split("</main>", 1)[0]


def field_of(response: HttpResponseBase, name: str) -> str:
    """Give the value of a hidden field."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', markup_of(response))
    assert found, f"The page has no field {name}."
    return html.unescape(found[1])


def plan_address(config: TrackedConfig, target: Snapshot) -> str:
    """Give the address of a plan."""
    return reverse("admin:rollbacks_rollback_plan", args=(config.pk, target.pk))


def address_of(row: Rollback | AuditEntry) -> str:
    """Give the address of the page of a rollback or of an entry."""
    return reverse(f"admin:rollbacks_{row._meta.model_name}_change", args=(row.pk,))


def status_address(rollback: Rollback) -> str:
    """Give the address that the page's script asks."""
    return reverse("admin:rollbacks_rollback_status", args=(rollback.pk,))


def browser_of(user: User) -> Client:
    """Give a client in which the user is signed in, and in which forged forms are refused as in a browser."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def send(client: Client, address: str, fields: Mapping[str, Any]) -> Any:
    """Send a form with the token that every page of the console gives."""
    if "csrftoken" not in client.cookies:
        client.get("/")
    token = client.cookies["csrftoken"].value
    return client.post(address, {**fields, "csrfmiddlewaretoken": token})
