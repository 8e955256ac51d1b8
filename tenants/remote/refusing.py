"""The error that an answer to a read stands for (PLATFORM.md, "Errors and limits")."""

import re
from typing import Final

from tenants.remote.answers import Answer, ErrorBody, error_body, parsed
from tenants.remote.errors import (
    CredentialsRefused,
    Locked,
    NotJson,
    ObjectMissing,
    PermissionMissing,
    RateLimited,
    Redirected,
    RemoteError,
    RemoteUnavailable,
    RequestRefused,
    UnexpectedAnswer,
    VersionConflict,
)


def error_of(answer: Answer, *, asked: str) -> RemoteError:
    """Give the error for an answer that is no success; `asked` is method and path, for the sentence."""
    said = error_body(answer)
    kind, sentence = _judge(answer, said, asked)
    return kind(
        sentence,
        status=answer.status,
        code=said.code,
        remote_message=said.message,
        correlation_id=answer.correlation_id,
        retry_after=answer.retry_after,
    )


def _judge(answer: Answer, said: ErrorBody, asked: str) -> tuple[type[RemoteError], str]:
    status = answer.status
    words = f" ({said.message or said.code})" if said.message or said.code else ""
    if status < 200:
        return UnexpectedAnswer, f"The platform answered {asked} with status {status}, which is no answer."
    if status == 304:
        return UnexpectedAnswer, f'The platform answered {asked} with "not modified", although nobody had asked that.'
    if status < 400:
        return Redirected, (
            f"The platform answered {asked} with a redirect (status {status}), which is not followed, so that no token "
            "goes to a stranger. Check the tenant's region and addresses."
        )
    if status in (404, 410):
        return _missing(answer, words, asked)
    if status == 429:
        wait = f"in {answer.retry_after:.0f} seconds" if answer.retry_after is not None else "in a minute"
        return RateLimited, f"The platform takes no more requests for now, {asked} included. Try again {wait}."
    if status in _SENTENCES:
        kind, sentence = _SENTENCES[status]
        return kind, sentence.format(asked=asked, words=words, status=status)
    if status >= 500:
        return RemoteUnavailable, f"The platform could not do {asked} now (status {status}){words}. Try again later."
    return RequestRefused, f"The platform refused {asked} (status {status}){words}. Nothing was changed."


_CONFLICT: Final = (VersionConflict, "The platform answered {asked} with a conflict (status {status}){words}.")
_SENTENCES: Final[dict[int, tuple[type[RemoteError], str]]] = {
    401: (
        CredentialsRefused,
        "The platform accepted neither the token nor a new one for {asked}{words}. Check that the client is active.",
    ),
    403: (
        PermissionMissing,
        "The OAuth client may not do {asked}{words}. Give its role the permission, in the object's divisions.",
    ),
    408: (RemoteUnavailable, "The platform took too long for {asked} (status 408){words}. Try again later."),
    409: _CONFLICT,
    412: _CONFLICT,
    423: (Locked, "The platform says that the object is locked: {asked}{words}. Try again later."),
    428: _CONFLICT,
}


def _missing(answer: Answer, words: str, asked: str) -> tuple[type[RemoteError], str]:
    # A gateway's page says that an address is not there, not that an object is gone.
    if isinstance(parsed(answer.body), dict):
        return ObjectMissing, f"The platform says that there is nothing at {asked}{words}. Nothing was changed."
    return NotJson, (
        f"{asked} was answered with status {answer.status} by something that does not speak as the platform does, so "
        "it is not known whether the object is there. Check the tenant's region and addresses."
    )


_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([^"';\s]+)""")
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})


def check_json(answer: Answer, *, asked: str) -> None:
    """Raise `NotJson` where a 200 is plainly no JSON object or list; what is inside is read strictly elsewhere."""
    said, _, parameters = answer.content_type.lower().partition(";")
    said = said.strip()
    looks = answer.body.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] in (b"{", b"[")
    named = not said or said.endswith(("/json", "+json"))
    charset = _CHARSET.search(parameters)
    if looks and named and charset is not None and charset.group(1) not in _UTF_8:
        message = (
            f"{asked} was answered in the character set {charset.group(1)[:40]!r}, but JSON is UTF-8 (RFC 8259 section "
            "8.1), so it was not used. A gateway in between may be at fault."
        )
        raise NotJson(message, status=answer.status, correlation_id=answer.correlation_id)
    if looks and named:
        return
    what = f"{said or 'something without a type'}, {len(answer.body):,} bytes"
    message = (
        f"{asked} was answered with status {answer.status}, but not with JSON ({what}), so it was not used. "
        "A gateway or a sign-in page in between may be at fault; check the tenant's region and addresses."
    )
    raise NotJson(message, status=answer.status, correlation_id=answer.correlation_id)
