"""Tokens, who a token speaks for, its permissions and its limit (PLATFORM.md, "Access" and "Errors and limits")."""

import base64
import binascii
import hmac
import math
import secrets
import time
from collections.abc import Collection
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from console.practice.answers import Answer, Refusal, Request, ok
from console.practice.permitting import grants_of
from console.practice.raw_json import dump
from console.practice.state import Client, Organization, Token
from console.practice.store import Store

_MINUTE = 60.0


class Access:
    """The tokens that were handed out; they do not outlive the process."""

    def __init__(self, store: Store) -> None:
        """Serve the OAuth clients of `store`."""
        self._store = store
        self._tokens: dict[str, Token] = {}

    def grant(self, request: Request) -> Answer:
        """Answer `POST /oauth/token`."""
        form = parse_qs(request.body.decode("utf-8", "replace"))
        found = self._authenticate(request.header("Authorization") or "")
        if found is None:
            return _token_error("invalid_client", "client not found or invalid client secret")
        if form.get("grant_type") != ["client_credentials"]:
            return _token_error("unsupported_grant_type", "grant_type must be client_credentials")
        client, organization = found
        lifetime = organization.switches.token_seconds
        text = secrets.token_urlsafe(48)
        self._tokens[text] = Token(client, organization, time.monotonic() + lifetime)
        return ok(
            {"access_token": text, "token_type": "bearer", "expires_in": lifetime},
            **{"Cache-Control": "no-store"},
        )

    def _authenticate(self, header: str) -> tuple[Client, Organization] | None:
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            client_id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        for one in self._store.organizations.values():
            if one.client.id == client_id and hmac.compare_digest(one.client.secret.encode(), secret.encode()):
                return one.client, one
        return None

    def token(self, request: Request) -> Token | None:
        """Return the token that a request carries, whether it is still good or not."""
        scheme, _, text = (request.header("Authorization") or "").partition(" ")
        return self._tokens.get(text.strip()) if scheme.lower() == "bearer" else None

    def identify(self, request: Request) -> Organization:
        """Return the organization that a request speaks for. Raises `Refusal` (401, 429)."""
        token = self.token(request)
        if token is None and not request.header("Authorization"):
            raise Refusal(
                HTTPStatus.UNAUTHORIZED,
                "authentication.required",
                "No authentication bearer token specified in authorization header.",
            )
        if token is None or token.revoked:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "bad.credentials", "Invalid login credentials.")
        if time.monotonic() >= token.expires_at:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "credentials.expired", "The supplied credentials have expired.")
        self._count(token)
        request.client, request.organization = token.client, token.organization
        return token.organization

    def _count(self, token: Token) -> None:
        now = time.monotonic()
        if now - token.window_start >= _MINUTE:
            token.window_start, token.window_count = now, 0
        if token.window_count >= token.organization.switches.requests_per_minute:
            raise too_many_requests(math.ceil(token.window_start + _MINUTE - now))
        token.window_count += 1

    def revoke(self, organization: Organization | None, *, expire: bool) -> int:
        """End the tokens of one organization or of all; return how many there were."""
        ended = [
            one
            for one in self._tokens.values()
            if organization in (None, one.organization) and not one.revoked and one.expires_at > time.monotonic()
        ]
        for one in ended:
            if expire:
                one.expires_at = 0.0
            else:
                one.revoked = True
        return len(ended)


def too_many_requests(seconds: int | None) -> Refusal:
    """Return the 429; without `seconds` it lacks Retry-After."""
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    wait = str(seconds if seconds is not None else 60)
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too.many.requests.retry.after",
        f"Rate limit exceeded the maximum. Retry the request in [{wait}] seconds",
        params={"seconds": wait},
        headers=headers,
    )


def _token_error(error: str, text: str) -> Answer:
    body = {"error": error, "description": text, "error_description": text}
    return Answer(HTTPStatus.BAD_REQUEST, dump(body), {"Cache-Control": "no-store"})


def token_identity(organization: Organization) -> Answer:
    """Answer `GET /api/v2/tokens/me`."""
    owner = {"id": organization.id, "name": organization.name}
    client = organization.client
    return ok(
        {
            "organization": owner,
            "homeOrganization": owner,
            "authorizedScope": [],
            "clonedUser": None,
            "OAuthClient": {"id": client.id, "name": client.name, "organization": owner},
        }
    )


def subject(organization: Organization) -> Answer:
    """Answer `GET /api/v2/authorization/subjects/me`: one role with one policy for each domain and entity.

    It is granted in the division `*`, or, where a division was taken away, once in each that is left. A permission of
    two parts, such as `agent-scripting:write`, shows with the entityName `*`.
    """
    client = organization.client
    grants = [
        {
            "subjectId": client.id,
            "division": {**where, "selfUri": f"/api/v2/authorization/divisions/{where['id']}"},
            "role": {
                "id": f"role-{organization.slug}",
                "name": client.name,
                "policies": _policies(held),
                "default": False,
            },
        }
        for where, held in grants_of(organization)
    ]
    return ok(
        {
            "id": client.id,
            "name": client.name,
            "grants": grants,
            "version": 1,
            "selfUri": "/api/v2/authorization/subjects/me",
        }
    )


def _policies(permissions: Collection[str]) -> list[dict[str, Any]]:
    policies: dict[tuple[str, str], list[str]] = {}
    for permission in sorted(permissions):
        domain, *entity, action = permission.split(":")
        policies.setdefault((domain, entity[0] if entity else "*"), []).append(action)
    return [
        {"domain": domain, "entityName": entity, "actions": actions} for (domain, entity), actions in policies.items()
    ]
