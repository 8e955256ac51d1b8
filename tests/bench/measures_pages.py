"""How long a page takes from request to answer, and how much of it travels."""

from __future__ import annotations

import gzip

from django.contrib.auth import get_user_model
from django.test import Client

from tests.bench.measuring import measure


def carol() -> Client:
    """Return the browser of somebody who is signed in."""
    users = get_user_model().objects
    user = users.filter(username="carol").first() or users.create_superuser("carol", "carol@bank.example", "bench")
    client = Client(SERVER_NAME="127.0.0.1", headers={"accept-encoding": "gzip"})
    client.force_login(user)
    return client


def asked(client: object, path: str) -> str:
    """Ask for a page and return its size for the table."""
    assert isinstance(client, Client)
    answer = client.get(path)
    assert answer.status_code == 200, f"{path} answered {answer.status_code}"
    body = answer.content
    plain = gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body
    return f"{len(body) / 1024:.1f} KB sent, {len(plain) / 1024:.1f} KB of HTML"


@measure("the overview", prepare=carol)
def overview(client: object) -> str:
    """Serve the first page after signing in."""
    return asked(client, "/")


@measure("the sign-in page", prepare=lambda: Client(SERVER_NAME="127.0.0.1"))
def sign_in(client: object) -> str:
    """Serve the page of somebody who is not signed in."""
    return asked(client, "/login/")
