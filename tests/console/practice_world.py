"""A practice platform and an organization's session on it, for the tests of the platform itself."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from console.practice.server import PracticeServer

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
CONFIG = "/api/v2/agentassist/configs/cfg-1"
ALIAS = "/api/v2/analytics/agentassist/configs/cfg-1"


def token_of(platform: PracticeServer, slug: str) -> str:
    """Return a fresh access token of an organization's client."""
    one = platform.credentials[slug]
    answer = requests.post(
        platform.url + "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(one.client_id, one.client_secret),
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@dataclass
class Caller:
    """An OAuth client of one organization, talking to the platform."""

    platform: PracticeServer
    session: requests.Session
    slug: str

    def get(self, path: str, **headers: str) -> requests.Response:
        """GET a path."""
        return self.session.get(self.platform.url + path, headers=headers, timeout=60, allow_redirects=False)

    def put(self, path: str, body: bytes | Mapping[str, Any], *, if_match: str | None = None) -> requests.Response:
        """PUT a body, under a guard if one is given."""
        headers = {"Content-Type": "application/json"} | ({} if if_match is None else {"If-Match": if_match})
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.session.put(self.platform.url + path, data=data, headers=headers, timeout=60)

    def post(self, path: str, body: Any) -> requests.Response:
        """POST a JSON body."""
        return self.session.post(self.platform.url + path, json=body, timeout=60)

    def renew(self) -> None:
        """Use a fresh token from now on."""
        self.session.headers["Authorization"] = "Bearer " + token_of(self.platform, self.slug)

    def next_write(self, path: str = CONFIG, **changes: Any) -> tuple[dict[str, Any], str]:
        """Return a body that may follow the live object, and the guard for it."""
        live = self.get(path)
        body = live.json()
        return {**body, "version": body["version"] + 1, **changes}, live.headers["ETag"]


@contextmanager
def calling(platform: PracticeServer, slug: str = "northwind") -> Iterator[Caller]:
    """Give a caller with a token of the organization."""
    with requests.Session() as session:
        session.trust_env = False
        caller = Caller(platform, session, slug)
        caller.renew()
        yield caller
