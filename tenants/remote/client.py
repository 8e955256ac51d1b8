"""The client of the platform: reads that are tried again with a reason, writes that are sent exactly once.

Everything that could repeat a write is off at every level (PLATFORM.md, "Writing"; PROTOCOL.md, SEND): urllib3's
retries, redirects, this client's own, the renewal of a token too. A write's answer is given back whatever its status,
because what it means is a question of the resource type, which this package does not know. Every request passes the
tenant's gate first (`manners`), and what became of it is told to the gate.
"""

import base64
import contextlib
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlencode

from tenants.documents import InvalidDocument, load
from tenants.remote import transport
from tenants.remote.addresses import check_host, check_path, next_page
from tenants.remote.answers import Answer
from tenants.remote.errors import (
    BudgetSpent,
    ConnectionLost,
    CyclicList,
    NotJson,
    Redirected,
    RemoteError,
    RemoteUnavailable,
    RemoteUnknown,
    RemoteWrong,
    TenantDown,
    TooLate,
    UnexpectedAnswer,
)
from tenants.remote.limits import LIMITS, Limits
from tenants.remote.lists import FIRST_PAGE, Page, page_of
from tenants.remote.manners import Admission, Gate, OpenGate, Purpose, TokenStore
from tenants.remote.permissions import granted
from tenants.remote.refusing import check_json, error_of
from tenants.remote.tokens import Token, TokenCache, credentials_refused, token_in
from tenants.resource_types.definition import Paging

logger = logging.getLogger(__name__)

USER_AGENT: Final = "config-vault/0.1 (guarded rollbacks)"
TOKENS: Final = TokenCache(clock=time.monotonic)
os.register_at_fork(after_in_child=TOKENS.start_anew)

_QUIET_SECONDS: Final = 10.0
"""For so long a client whose one try failed tells its callers the same without asking a tenant that is down again."""
_WRITING_METHODS: Final = frozenset({"PUT", "PATCH", "POST"})


@dataclass(frozen=True, slots=True)
class Organization:
    """The organization that an OAuth client belongs to."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An OAuth client of the platform."""

    client_id: str
    client_secret: str = field(repr=False)


class Platform:
    """One organization's API, spoken to through one OAuth client.

    Safe to use from several threads: each has connections of its own, all share the token. `tenant_key` tells apart
    what must not share one, besides the client id and the login host; `clock`, `sleep` and `jitter` (a number from 0 to
    1) are there for tests. `purpose` says whom the requests are for, and `gate` and `shared_tokens` are what all
    workers share (`manners`). Raises `AddressNotAllowed` for a host that may not be spoken to.
    """

    def __init__(
        self,
        *,
        api_base: str,
        login_base: str,
        credentials: Credentials,
        custom_hosts: bool = False,
        tenant_key: Hashable = None,
        limits: Limits = LIMITS,
        tokens: TokenCache = TOKENS,
        purpose: Purpose = Purpose.PERSON,
        gate: Gate | None = None,
        shared_tokens: TokenStore | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._api = check_host(api_base, custom_hosts=custom_hosts)
        self._login = check_host(login_base, custom_hosts=custom_hosts)
        self._credentials = credentials
        self._key = (tenant_key, self._login, credentials.client_id)
        self._limits = limits
        self._tokens = tokens
        self._purpose = purpose
        self._gate: Gate = gate or OpenGate()
        self._shared_tokens = shared_tokens
        self._last_token = ""
        self._in_vain: tuple[float, str] = (0.0, "")
        self._ahead = threading.local()
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    def __repr__(self) -> str:
        return f"<Platform {self._api} as {self._credentials.client_id}>"

    @property
    def api_base(self) -> str:
        """The base URL of the API."""
        return self._api

    @property
    def client_id(self) -> str:
        """The OAuth client's id, by which the platform names our writes (`modifiedByApp`)."""
        return self._credentials.client_id

    def forget_token(self) -> None:
        """Drop the token, so that the next request fetches a new one; all workers drop it."""
        self._tokens.forget(self._key)
        if self._shared_tokens is not None and self._last_token:
            self._shared_tokens.forget(self._last_token)

    # Reading

    def read(
        self, path: str, *, if_none_match: bytes | None = None, params: Mapping[str, str | int] | None = None
    ) -> Answer:
        """Give the 200 of a GET, or the 304 where `if_none_match` was given and still stands.

        Tried again, within bounds, where nobody knows (`RemoteUnknown`): after what Retry-After asks for, else after a
        pause with full jitter. A 401 renews the token once. Raises the tree of `errors`.
        """
        headers = {} if if_none_match is None else {"If-None-Match": if_none_match.decode("latin-1")}
        return self._read_patiently(check_path(path) + (f"?{urlencode(params)}" if params else ""), headers)

    def ask(self, path: str, body: bytes) -> Answer:
        """Give the 200 of a POST that only asks (analytics, audits); not tried again. Raises the tree of `errors`."""
        asked = f"POST {check_path(path)}"
        answer = self._with_renewal("POST", path, {"Content-Type": "application/json"}, body)
        return self._usable(answer, asked=asked, conditional=False)

    def entities(
        self, path: str, *, paging: Paging = Paging.NUMBERED, params: Mapping[str, str | int] | None = None
    ) -> Iterator[bytes]:
        """Give each entity of a list as its exact bytes, page by page, walked as `paging` says.

        `nextUri` is followed until it is absent; where a service leaves it out, pages are counted. Raises `CyclicList`
        for a list that leads in a circle, leads elsewhere or never ends, `NotJson` for a page that is none.
        """
        query: Mapping[str, str | int] = {**FIRST_PAGE[paging], **(params or {})}
        check_path(path)
        uri: str | None = f"{path}?{urlencode(query)}" if query else path
        visited: set[str] = set()
        while uri is not None:
            if uri in visited or len(visited) >= self._limits.pages:
                message = (
                    f"The list at {path} leads in a circle or never ends: after {len(visited)} pages it goes on at "
                    f"{uri[:200]!r}. The rest was not read; tell the platform's support."
                )
                raise CyclicList(message)
            visited.add(uri)
            page = self._page(path, uri, paging)
            yield from page.entities
            uri = self._after(page, path=path, query=query, paging=paging)

    def organization(self) -> Organization:
        """Give the organization that the OAuth client belongs to (`GET /api/v2/tokens/me`)."""
        path = "/api/v2/tokens/me"
        shown = self._value(self.read(path), asked=f"GET {path}")
        owner = shown.get("organization") if isinstance(shown, dict) else None
        found = owner.get("id") if isinstance(owner, dict) else None
        if not isinstance(found, str) or not found:
            message = (
                f"GET {path} did not name an organization, so it is not known whose objects the OAuth client "
                f"{self.client_id} changes. Nothing was written; check the tenant's addresses."
            )
            raise UnexpectedAnswer(message, status=200)
        name = owner.get("name") if isinstance(owner, dict) else None
        return Organization(id=found, name=name if isinstance(name, str) else "")

    def client_permissions(self) -> frozenset[str]:
        """Give the permissions of the OAuth client's roles as `domain:entity:action`; ask `holds` about one of them."""
        path = "/api/v2/authorization/subjects/me"
        # Without it the answer may name a grant's role and leave out what the role allows.
        shown = self.read(path, params={"includeFullRoles": "true"})
        return granted(self._value(shown, asked=f"GET {path}"))

    # Writing

    @contextlib.contextmanager
    def at_once(self, requests: int) -> Iterator[None]:
        """Take room for so many requests, and the token, so that what follows inside waits for neither.

        The last one is kept for a write. They count from now on, used or not. Raises what a request's own wait raises.
        """
        until = self._clock() + self._purpose.patience_seconds
        try:
            self._ahead.taken = [self._admitted("what follows", until=until) for _ in range(requests)]
            self._token(self._ahead.taken[-1])
            yield
        finally:
            self._ahead.taken = []

    def deadline(self, seconds: float) -> float:
        """Give the moment in so many seconds."""
        return self._clock() + seconds

    def write(
        self, method: str, path: str, body: bytes, *, if_match: bytes | None, leave_by: float | None = None
    ) -> Answer:
        """Send these bytes exactly once and give the answer, whatever its status.

        `if_match` is sent byte for byte as given. Raises only where no usable answer came: `Unreachable`, `TimedOut`,
        `ConnectionLost` (half an answer and an unreadable one too), `Redirected`. Where the token could not be had, its
        error is raised with `sent` False, and so is `TooLate` where the first byte would leave after `leave_by`.
        """
        if method not in _WRITING_METHODS:
            message = f"{method!r} is no method that writes here; PUT, PATCH and POST are."
            raise ValueError(message)
        asked = f"{method} {check_path(path)}"
        headers = {"Content-Type": "application/json"}
        if if_match is not None:
            headers["If-Match"] = if_match.decode("latin-1")
        try:
            admission = self._leave(asked, keeping=0)
            token = self._token(admission)
        except RemoteError as error:
            error.sent = False
            raise
        left = None if leave_by is None else leave_by - self._clock()
        if left is not None and left <= 0:
            raise TooLate(asked)
        try:
            answer = self._minded(
                method,
                self._api + path,
                headers={"Authorization": f"Bearer {token}", **headers},
                body=body,
                admission=admission,
                own_connection=True,
                leave_within=left,
            )
        except RemoteWrong as error:
            message = (
                f"{error.sentence} Whether {asked} took effect is not known, and it was not sent again; read the "
                "object to see."
            )
            raise ConnectionLost(message, status=error.status, correlation_id=error.correlation_id) from error
        if answer.status == 401:
            self._forget(token)
        if answer.status < 200 or 300 <= answer.status < 400:
            refused = error_of(answer, asked=asked)
            raise Redirected(
                f"{refused.sentence} Whether it took effect is not known, and it was not sent again; read the object.",
                status=answer.status,
                correlation_id=answer.correlation_id,
            )
        return answer

    # How

    def _read_patiently(self, target: str, headers: Mapping[str, str]) -> Answer:
        until = self._clock() + self._limits.patience_seconds
        tried = 0
        while True:
            tried += 1
            try:
                return self._read_once(target, headers)
            except RemoteUnknown as error:
                pause = None if error.for_good or self._tried_in_vain() else self._pause(tried, error)
                if tried >= self._limits.tries or pause is None or self._clock() + pause > until:
                    raise
            self._sleep(pause)

    def _read_once(self, target: str, headers: Mapping[str, str]) -> Answer:
        answer = self._with_renewal("GET", target, headers, None)
        conditional = "If-None-Match" in headers
        return self._usable(answer, asked=f"GET {target.partition('?')[0]}", conditional=conditional)

    def _usable(self, answer: Answer, *, asked: str, conditional: bool) -> Answer:
        if answer.not_modified and conditional:
            return answer
        if answer.status == 200:
            check_json(answer, asked=asked)
            return answer
        if answer.ok:
            message = f"The platform answered {asked} with status {answer.status} where only 200 can be used."
            raise UnexpectedAnswer(message, status=answer.status, correlation_id=answer.correlation_id)
        raise error_of(answer, asked=asked)

    def _with_renewal(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Exchange once, and once more with a new token where the platform does not accept the one in hand."""
        asked = f"{method} {target.partition('?')[0]}"
        admission = self._leave(asked, keeping=1)
        token = self._token(admission)
        answer = self._exchange(method, target, headers, body, token=token, admission=admission)
        if answer.status == 401:
            self._forget(token)
            admission = self._leave(asked, keeping=1)
            token = self._token(admission)
            answer = self._exchange(method, target, headers, body, token=token, admission=admission)
            if answer.status == 401:
                self._forget(token)
        return answer

    def _leave(self, asked: str, *, keeping: int) -> Admission:
        """Give a leave to send that was taken ahead while more than `keeping` are left, else ask the gate for one."""
        taken: list[Admission] = getattr(self._ahead, "taken", [])
        return taken.pop() if len(taken) > keeping else self._admitted(asked)

    def _admitted(self, asked: str, *, until: float | None = None) -> Admission:
        """Give the gate's leave to send one request; wait for it as long as the purpose allows, or until then.

        Raises `BudgetSpent` and `TenantDown`, with `sent` False: nothing was sent.
        """
        while True:
            admission = self._gate.admit(self._purpose)
            if admission.down and self._tried_in_vain():
                raise _not_sent(TenantDown, f"{self._in_vain[1]} {asked} was not sent after that.", admission)
            if admission.granted:
                return admission
            seconds = f"{admission.wait_seconds:.0f} second{'' if round(admission.wait_seconds) == 1 else 's'}"
            if admission.shut:
                message = f"{admission.why} So {asked} was not sent; the console tries again in {seconds}."
                raise _not_sent(TenantDown, message, admission)
            until = self._clock() + self._purpose.patience_seconds if until is None else until
            if self._clock() + admission.wait_seconds > until:
                message = f"{admission.why} So {asked} was not sent; there is room again in {seconds}."
                raise _not_sent(BudgetSpent, message, admission)
            # All that wait would come back at once.
            self._sleep(admission.wait_seconds + self._jitter() * self._limits.first_pause_seconds)

    def _tried_in_vain(self) -> bool:
        """Tell whether this client's one try at a tenant that is down failed a moment ago."""
        return self._in_vain[0] > 0 and self._clock() < self._in_vain[0]

    def _forget(self, token: str) -> None:
        self._tokens.forget(self._key, token)
        if self._shared_tokens is not None:
            self._shared_tokens.forget(token)

    def _exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        token: str,
        admission: Admission,
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}", **headers}
        url = self._api + target
        return self._minded(method, url, headers=headers, body=body, admission=admission, own_connection=False)

    def _minded(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        admission: Admission,
        own_connection: bool,
        leave_within: float | None = None,
    ) -> Answer:
        """Exchange once, and tell the gate what became of it."""
        try:
            answer = transport.exchange(
                method,
                url,
                headers={**self._always(), **headers},
                body=body,
                limits=self._limits,
                own_connection=own_connection,
                leave_within=leave_within,
            )
        except RemoteUnknown as error:
            if not isinstance(error, TooLate):
                self._failed(admission, error)
            raise
        except RemoteWrong:
            self._gate.answered(admission)
            raise
        logger.log(
            logging.DEBUG if answer.status < 400 or answer.status == 404 else logging.INFO,
            "%s %s was answered with %s",
            method,
            url.partition("?")[0],
            answer.status,
            extra={"status": answer.status, "correlation_id": answer.correlation_id, "elapsed_ms": answer.elapsed_ms},
        )
        if answer.status == 408 or answer.status >= 500:
            self._failed(admission, _unavailable(answer, asked=method))
        else:
            self._in_vain = (0.0, "")
            if answer.status == 429:
                self._gate.throttled(answer.retry_after)
            # A 429 is an answer too: a tenant that says so is not down.
            self._gate.answered(admission)
        return answer

    def _failed(self, admission: Admission, error: RemoteUnknown) -> None:
        """Tell the gate of a failure of the way; where the tenant counts as down now, nobody tries by itself again."""
        down = self._gate.failed(admission, error, purpose=self._purpose)
        if down or admission.down:
            self._in_vain = (self._clock() + _QUIET_SECONDS, error.sentence)

    def _always(self) -> dict[str, str]:
        # A gateway that packs an answer changes its ETag, so plain bytes are asked for (PROTOCOL.md, PLAN).
        return {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"}

    def _token(self, admission: Admission) -> str:
        def fetch() -> Token:
            return self._fetch_token(admission)

        def share() -> Token:
            token = fetch() if self._shared_tokens is None else self._shared_tokens.token(fetch)
            # One that could not be shared stands for the shared one until that has another number.
            return token if token.generation is not None else replace(token, generation=admission.token_generation)

        self._last_token = self._tokens.get(self._key, share, generation=admission.token_generation)
        return self._last_token

    def _fetch_token(self, admission: Admission) -> Token:
        pair = f"{self._credentials.client_id}:{self._credentials.client_secret}".encode()
        try:
            answer = self._minded(
                "POST",
                f"{self._login}/oauth/token",
                headers={
                    "Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}",
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                body=b"grant_type=client_credentials",
                admission=admission,
                own_connection=False,
            )
        except RemoteUnknown as error:
            error.sentence = f"No access token could be had: {error.sentence}"
            raise
        if answer.status in (400, 401, 403):
            raise credentials_refused(answer, client_id=self.client_id)
        if answer.status != 200:
            raise error_of(answer, asked="POST /oauth/token")
        return token_in(answer, client_id=self.client_id)

    def _pause(self, tried: int, error: RemoteUnknown) -> float | None:
        """Give the seconds until the next try; None where the platform asks for more than a read waits."""
        ceiling = self._limits.first_pause_seconds * 2 ** (tried - 1)
        if error.retry_after is None:
            return float(self._jitter() * ceiling)
        if error.retry_after > self._limits.longest_wait_seconds:
            return None
        return error.retry_after + self._jitter() * self._limits.first_pause_seconds

    def _page(self, path: str, uri: str, paging: Paging) -> Page:
        answer = self._read_patiently(uri, {})
        try:
            return page_of(answer.body, paging)
        except InvalidDocument as error:
            message = f"The list at {path} could not be read: {error} The rest was not read."
            raise NotJson(message, status=answer.status, correlation_id=answer.correlation_id) from error

    def _after(self, page: Page, *, path: str, query: Mapping[str, str | int], paging: Paging) -> str | None:
        if page.next_uri is not None:
            return next_page(self._api, path=path, uri=page.next_uri)
        counted = page.counted(paging)
        return None if counted is None else f"{path}?{urlencode({**query, **counted})}"

    def _value(self, answer: Answer, *, asked: str) -> Any:
        try:
            return load(answer.body)
        except InvalidDocument as error:
            message = f"The answer to {asked} could not be read: {error} It was not used."
            raise NotJson(message, status=answer.status, correlation_id=answer.correlation_id) from error


def _not_sent(kind: type[RemoteUnknown], sentence: str, admission: Admission) -> RemoteUnknown:
    error = kind(sentence, retry_after=admission.wait_seconds, sent=False)
    error.for_good = True
    return error


def _unavailable(answer: Answer, *, asked: str) -> RemoteUnknown:
    sentence = f"The platform answered a {asked} with status {answer.status}."
    return RemoteUnavailable(sentence, status=answer.status, correlation_id=answer.correlation_id)
