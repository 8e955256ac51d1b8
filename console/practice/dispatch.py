"""The platform as one function from a request to an answer; the server only carries bytes to it and back."""

import hashlib
import logging
import threading
from collections import deque
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.practice import auditing
from console.practice.access import Access, subject, token_identity
from console.practice.answers import Answer, Refusal, Request, not_found
from console.practice.control import Control
from console.practice.divisions import permitted
from console.practice.families import FAMILIES
from console.practice.faults import Faults, after_answer, before_answer
from console.practice.history import read_histories
from console.practice.observing import query_conversations
from console.practice.organizations import found_archive, found_organizations
from console.practice.page import front_page, style_sheet
from console.practice.resource import Resource, method_not_allowed, resource_at
from console.practice.state import Organization, timestamp
from console.practice.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class Platform:
    """Everything that the practice platform knows and does, without a socket."""

    def __init__(self, *, data_dir: Path | None, history_dir: Path | None, now: datetime | None) -> None:
        """Found or restore the organizations. Raises what they raise."""
        now = now or datetime.now(UTC).astimezone()
        founded = found_organizations(now)
        if history_dir is not None:
            founded.append(found_archive(now, read_histories(history_dir)))
        self.store = Store(founded, data_dir=data_dir)
        self.access = Access(self.store)
        self.faults = Faults()
        self.stopping = threading.Event()
        self.requests: deque[dict[str, Any]] = deque(maxlen=2000)
        self.resources: list[Resource] = [family(self.store) for family in FAMILIES]
        self.control = Control(self.store, self.access, self.faults, self.resources, self.requests)

    def handle(self, request: Request) -> Answer:
        """Return the answer to a request; every answer carries ININ-Correlation-Id."""
        entry: dict[str, Any] = {
            "at": timestamp(datetime.now(UTC)),
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "status": None,
            "correlation_id": request.correlation_id,
            "organization": None,
            "if_match": request.header("If-Match"),
            "if_none_match": request.header("If-None-Match"),
            "body_sha256": hashlib.sha256(request.body).hexdigest() if request.body else None,
            "fault": None,
        }
        remote_api = request.path.startswith(("/api/", "/oauth/"))
        if remote_api:
            with self.store.lock:
                self.requests.append(entry)
        try:
            answer = self._with_faults(request, entry) if remote_api else self._local(request)
        except Refusal as refusal:
            answer = refusal.answer(request.correlation_id)
        except Exception:
            logger.exception("request %s failed", request.correlation_id)
            answer = Refusal(
                HTTPStatus.INTERNAL_SERVER_ERROR, "internal.server.error", "The server encountered an error."
            ).answer(request.correlation_id)
        entry["status"] = None if answer.cut == "reset" else answer.status
        entry["organization"] = request.organization.slug if request.organization else None
        answer.headers.setdefault("ININ-Correlation-Id", request.correlation_id)
        return answer

    def _local(self, request: Request) -> Answer:
        if request.path in {"/", "/style.css"}:
            if request.method != "GET":
                raise method_not_allowed(request, "GET")
            if request.path == "/style.css":
                return style_sheet()
            with self.store.lock:
                return front_page(self.store, self.faults, request)
        return self.control.answer(request)

    def _with_faults(self, request: Request, entry: dict[str, Any]) -> Answer:
        token = self.access.token(request)
        request.organization = token.organization if token else None
        rules = self.faults.draw(request)
        entry["fault"] = [rule.kind for rule in rules] or None
        for rule in rules:
            answer = before_answer(rule, request, self.control, self.stopping)
            if answer is not None:
                return answer
        answer = self._answer(request)
        for rule in rules:
            answer = after_answer(rule, request, answer, self.stopping)
        return answer

    def _answer(self, request: Request) -> Answer:
        try:
            with self.store.lock:
                return self._route(request)
        except Refusal as refusal:
            return refusal.answer(request.correlation_id)

    def _route(self, request: Request) -> Answer:
        if request.path == "/oauth/token":
            if request.method != "POST":
                raise method_not_allowed(request, "POST")
            return self.access.grant(request)
        organization = self.access.identify(request)
        found = resource_at(self.resources, request.path)
        if found is not None:
            resource, mount = found
            return resource.answer(request, organization, mount)
        return self._single(request, organization)

    def _single(self, request: Request, organization: Organization) -> Answer:
        singles: dict[str, tuple[str, Callable[[], Answer]]] = {
            "/api/v2/tokens/me": ("GET", lambda: token_identity(organization)),
            "/api/v2/authorization/subjects/me": ("GET", lambda: subject(organization)),
            "/api/v2/authorization/divisionspermitted/me": ("GET", lambda: permitted(request, organization)),
            "/api/v2/authorization/divisionspermitted/paged/me": ("GET", lambda: permitted(request, organization)),
            f"/api/v2/authorization/divisionspermitted/paged/{organization.client.id}": (
                "GET",
                lambda: permitted(request, organization),
            ),
            "/api/v2/analytics/agentassist/conversations/query": (
                "POST",
                lambda: query_conversations(request, organization),
            ),
        }
        about_audits = auditing.answer(request, organization)
        if about_audits is not None:
            return about_audits
        if request.path not in singles:
            raise not_found(request.path)
        method, answer = singles[request.path]
        if request.method != method:
            raise method_not_allowed(request, method)
        return answer()

    def close(self) -> None:
        """Let go of waiting requests and of the journal."""
        self.stopping.set()
        self.store.close()
