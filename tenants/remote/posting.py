"""Hand something to a receiver that the operator has named: one POST, acknowledged or not.

Nothing of the platform plays a part here: no token of a tenant travels, and the address comes from the settings, never
from a row. The bounds are those of every exchange (`transport`): deadlines, no redirect, no proxy, no repetition.
"""

from typing import Final
from urllib.parse import urlsplit

from tenants.remote import addresses
from tenants.remote.answers import clean_text
from tenants.remote.errors import (
    AddressNotAllowed,
    RemoteRefused,
    RemoteUnavailable,
    RemoteUnknown,
    Unreachable,
)
from tenants.remote.limits import Limits
from tenants.remote.transport import exchange

LIMITS: Final = Limits(connect_seconds=3.0, read_seconds=5.0, total_seconds=10.0, answer_bytes=64 * 1024)


def why_no_receiver(url: str) -> str:
    """Say why nothing may be sent to an address; nothing where it may.

    Without TLS only this machine itself is spoken to; a user name and a fragment have no place in it.
    """
    parts = urlsplit(url)
    if parts.fragment or not url.isascii() or any(letter.isspace() for letter in url):
        return "is no plain address"
    return addresses.why_no_base(f"{parts.scheme}://{parts.netloc}")


def post(url: str, body: bytes, *, content_type: str, bearer: str, key: str) -> None:
    """Send the body once and return when the receiver has acknowledged it with a 2xx.

    `key` names the content, so that a receiver may drop what it has already. Raises the tree of `errors`:
    `RemoteRefused` for a 4xx or a redirect, `RemoteUnknown` for silence and a 5xx; whoever asked may send it again.
    """
    headers = {
        "Accept-Encoding": "identity",
        "Content-Type": content_type,
        "Idempotency-Key": f'"{key}"',
        **({"Authorization": f"Bearer {bearer}"} if bearer else {}),
    }
    host = urlsplit(url).netloc
    reason = why_no_receiver(url)
    if reason:
        raise AddressNotAllowed(f"{host or 'The receiver'} {reason}, so nothing was sent to it.", sent=False)
    try:
        answer = exchange("POST", url, headers=headers, body=body, limits=LIMITS, own_connection=True)
    except Unreachable as error:
        raise Unreachable(f"{host} could not be reached.", sent=False) from error
    except RemoteUnknown as error:
        raise type(error)(f"{host} gave no complete answer, so it may or may not have taken it.") from error
    if 200 <= answer.status < 300:
        return
    said = clean_text(answer.body[:200].decode("utf-8", "replace")).strip()
    message = f"{host} answered {answer.status}{f' ({said})' if said else ''}, so it has not taken it."
    kind = RemoteUnavailable if answer.status >= 500 else RemoteRefused
    raise kind(message, status=answer.status)
