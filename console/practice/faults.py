"""Misbehaviour on demand: rules that say which requests go wrong, how, and how often.

Kinds that only change the way (slow, stale_reads, foreign_write …) can come together on one request; of the
kinds that end it, the first rule that matches wins and the others keep their turns.
"""

import itertools
import math
import re
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from console.practice.access import too_many_requests
from console.practice.answers import LOCKED, Answer, Refusal, Request

if TYPE_CHECKING:
    from console.practice.control import Control

WRITE = "WRITE"  # any request that can change an object
# kind: (method unless the rule names one, "before" or "after" unless the rule says when)
WAYS = {
    "slow": (None, "before"),
    "stale_reads": ("GET", "before"),
    "foreign_write": (WRITE, "before"),
    "weak_etag": (None, "before"),
    "etag_changes_under_constant_version": ("GET", "before"),
}
ENDS = {
    "drop_before_commit": (WRITE, "before"),
    "drop_after_commit": (WRITE, "after"),
    "half_body": (None, "after"),
    "locked_409": (WRITE, "before"),
    "conflict_412": (WRITE, "before"),
    "false_409": (WRITE, "after"),
    "false_412": (WRITE, "after"),
    "refused": (WRITE, "before"),
    "unavailable_503": (None, "before"),
    "gateway_504": (None, "after"),
    "timeout": (None, "after"),
    "html_200": (None, "before"),
    "redirect_302": (None, "before"),
    "rate_limited_429": (None, "before"),
    "unauthorized_401": (None, "before"),
}
KINDS = WAYS | ENDS
FOREIGN_CONTENTS = ("other", "request", "same")


@dataclass
class Rule:
    """One rule; `times` None never ends, `after` lets that many matching requests pass first."""

    id: int
    kind: str
    method: str | None
    path: str
    times: int | None
    after: int
    seconds: float | None
    when: str
    organization: str | None
    refusal: dict[str, Any]  # of the kind `refused`: status, code, message, params
    until: float  # monotonic
    retry_after: bool
    by: str
    content: str
    step: dict[str, Any] | None = None  # what somebody else does, in place of a write to the request's object
    hits: int = 0
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.pattern = re.compile(self.path)

    def as_json(self) -> dict[str, Any]:
        """Return the rule as the control shows it."""
        hidden = {"pattern", "until"}
        return {key: value for key, value in vars(self).items() if key not in hidden}

    def matches(self, request: Request) -> bool:
        """Tell whether the rule speaks of this request."""
        slug = request.organization.slug if request.organization else None
        return (
            (self.method in (None, request.method) or (self.method == WRITE and _writes(request)))
            and self.organization in (None, slug)
            and self.pattern.search(request.path) is not None
        )


def _writes(request: Request) -> bool:
    asks = request.path.startswith("/oauth/") or request.path.endswith(("/query", "/query/realtime"))
    return request.method in {"PUT", "PATCH"} or (request.method == "POST" and not asks)


class RuleWrong(ValueError):
    """A rule cannot be understood; the message names the value."""


def _number(told: dict[str, Any], key: str, default: float | None, *, least: float = 0) -> float | None:
    value: Any = told.get(key, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 10**9:
        raise RuleWrong(f"{key} is {value!r}; it must be a number from {least:g}.")
    return float(value)


class Faults:
    """The rules that stand, in the order they were made."""

    def __init__(self) -> None:
        """Start without rules."""
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._ids = itertools.count(1)

    def add(self, told: dict[str, Any]) -> Rule:
        """Add a rule as the control describes it. Raises `RuleWrong`."""
        known = {"kind", "method", "path", "times", "after", "seconds", "when", "organization", "lasts"}
        known |= {"retry_after", "by", "content", "step", "refusal"}
        for key in told:
            if key not in known:
                raise RuleWrong(f"{key} is unknown; a rule has {', '.join(sorted(known))}.")
        kind = str(told.get("kind"))
        if kind not in KINDS:
            raise RuleWrong(f"kind is {kind}; it must be one of {', '.join(KINDS)}.")
        method, when = KINDS[kind]
        seconds = _number(told, "seconds", None)
        times = _number(told, "times", None if kind == "stale_reads" and seconds is not None else 1, least=1)
        lasts = _number(told, "lasts", None)
        wanted = told.get("when", when)
        if wanted not in ("before", "after"):
            raise RuleWrong(f"when is {wanted!r}; it must be before or after.")
        if told.get("content", "other") not in FOREIGN_CONTENTS:
            raise RuleWrong(f"content is {told['content']!r}; it must be one of {', '.join(FOREIGN_CONTENTS)}.")
        try:
            rule = Rule(
                id=next(self._ids),
                kind=kind,
                method=str(told["method"]).upper() if told.get("method") else method,
                path=str(told.get("path") or ""),
                times=None if times is None else int(times),
                after=int(_number(told, "after", 0) or 0),
                seconds=seconds,
                when=wanted,
                organization=told.get("organization"),
                refusal=_refusal(told),
                until=math.inf if lasts is None else time.monotonic() + lasts,
                retry_after=bool(told.get("retry_after", True)),
                by=str(told.get("by") or "Tom Becker"),
                content=told.get("content", "other"),
                step=told.get("step"),
            )
        except re.error as error:
            raise RuleWrong(f"path is {told.get('path')!r}, which is no regular expression ({error}).") from error
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Remove every rule."""
        with self._lock:
            self._rules.clear()

    def standing(self) -> list[Rule]:
        """Return the rules that can still match."""
        with self._lock:
            self._forget()
            return list(self._rules)

    def _forget(self) -> None:
        now = time.monotonic()
        self._rules = [one for one in self._rules if one.until > now and one.times != 0]

    def draw(self, request: Request) -> list[Rule]:
        """Return the rules that hit this request and use up one of their times."""
        drawn: list[Rule] = []
        with self._lock:
            self._forget()
            for rule in self._rules:
                ended = any(one.kind in ENDS for one in drawn)
                if not rule.matches(request) or (rule.kind in ENDS and ended):
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    continue
                rule.hits += 1
                if rule.times is not None:
                    rule.times -= 1
                drawn.append(rule)
        return sorted(drawn, key=lambda rule: rule.kind in ENDS)


def _refusal(told: dict[str, Any]) -> dict[str, Any]:
    wanted: Any = told.get("refusal", {})
    known = {"status": int, "code": str, "message": str, "params": dict}
    if not isinstance(wanted, dict) or any(not isinstance(wanted.get(key, of()), of) for key, of in known.items()):
        raise RuleWrong(f"refusal is {wanted!r}; it must have a status, and may have code, message and params.")
    if told.get("kind") == "refused" and not 400 <= wanted.get("status", 0) < 600:
        raise RuleWrong(f"refusal is {wanted!r}; its status must be from 400 to 599.")
    return wanted


def _failure(rule: Rule, request: Request) -> Answer:
    match rule.kind:
        case "refused":
            says = rule.refusal
            said = Refusal(says["status"], says.get("code", ""), says.get("message", ""), params=says.get("params"))
            return said.answer(request.correlation_id)
        case "drop_before_commit" | "drop_after_commit":
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, cut="reset")
        case "html_200":
            html = b"<!doctype html><title>Signed out</title><p>Your session has ended. Please sign in again.</p>"
            return Answer(HTTPStatus.OK, html, content_type="text/html; charset=utf-8")
        case "redirect_302":
            return Answer(HTTPStatus.FOUND, headers={"Location": quote("/somewhere-else" + request.path)})
    refusal = {
        "locked_409": Refusal(HTTPStatus.CONFLICT, "general.conflict", LOCKED),
        "false_409": Refusal(
            HTTPStatus.CONFLICT, "general.conflict", "The configuration has been modified by another request."
        ),
        "conflict_412": _precondition_failed(),
        "false_412": _precondition_failed(),
        "unavailable_503": Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE, "service.unavailable", "The service is currently unavailable."
        ),
        "gateway_504": Refusal(HTTPStatus.GATEWAY_TIMEOUT, "request.timeout", "The request timed out."),
        "rate_limited_429": too_many_requests(math.ceil(rule.seconds or 1) if rule.retry_after else None),
        "unauthorized_401": Refusal(HTTPStatus.UNAUTHORIZED, "bad.credentials", "Invalid login credentials."),
    }[rule.kind]
    return refusal.answer(request.correlation_id)


def _precondition_failed() -> Refusal:
    return Refusal(
        HTTPStatus.PRECONDITION_FAILED,
        "precondition.failed",
        "The entity tag in If-Match does not match the current state of the resource.",
    )


def before_answer(rule: Rule, request: Request, control: "Control", stopping: threading.Event) -> Answer | None:
    """Do what a rule does before the request is worked on; return an answer if it ends the request there."""
    match rule.kind:
        case "slow":
            stopping.wait(rule.seconds if rule.seconds is not None else 1)
        case "stale_reads":
            request.stale_for = math.inf if rule.seconds is None else rule.seconds
        case "weak_etag":
            request.weak_etag = True
        case "foreign_write":
            control.write_before(request, by=rule.by, content=rule.content, step=rule.step)
        case "etag_changes_under_constant_version":
            control.change_etag(request)
        case "timeout" if rule.when == "before":
            stopping.wait(rule.seconds if rule.seconds is not None else 30)
        case kind if kind in ENDS and rule.when == "before":
            if kind.startswith("drop") and rule.seconds:
                stopping.wait(rule.seconds)
            return _failure(rule, request)
    return None


def after_answer(rule: Rule, request: Request, answer: Answer, stopping: threading.Event) -> Answer:
    """Do what a rule does after the request was worked on; return what is sent in place of `answer`."""
    if rule.kind not in ENDS or rule.when == "before":
        return answer
    if rule.kind == "half_body":
        return Answer(answer.status, answer.body, answer.headers, answer.content_type, cut="half")
    if rule.kind == "timeout":
        stopping.wait(rule.seconds if rule.seconds is not None else 30)
        return answer
    if rule.kind.startswith("drop") and rule.seconds:
        stopping.wait(rule.seconds)
    return _failure(rule, request)
