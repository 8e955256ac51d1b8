"""Where the console may speak to: the platform's 18 domains over TLS, and paths below `/api/`.

A tenant with hosts of its own is allowed only where the settings say so (CONSOLE_ALLOW_CUSTOM_HOSTS); without TLS then
only on this machine itself.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from tenants import regions
from tenants.remote.errors import AddressNotAllowed, CyclicList

_FIXED_HOSTS: Final = frozenset(
    host for domain in regions.DOMAINS for host in (regions.api_host(domain), regions.login_host(domain))
)
_PATH: Final = re.compile(r"/api/[A-Za-z0-9._~!$&'()*+,;=:@%/-]+")
_SEGMENT_UP: Final = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)


def check_host(base: str, *, custom_hosts: bool) -> str:
    """Give a base URL without a slash at its end; raise `AddressNotAllowed` where no request may go to it."""
    base = base.rstrip("/")
    if base in _FIXED_HOSTS:
        return base
    if not custom_hosts:
        message = (
            f"{base} is not one of the platform's {len(regions.DOMAINS)} domains, so nothing was sent to it. "
            "Choose the tenant's region, or switch CONSOLE_ALLOW_CUSTOM_HOSTS on if this host is meant."
        )
        raise AddressNotAllowed(message, sent=False)
    reason = why_no_base(base)
    if reason:
        message = f"{base!r} {reason}, so nothing was sent to it. Correct the tenant's addresses."
        raise AddressNotAllowed(message, sent=False)
    return base


def why_no_base(base: str) -> str:
    """Say why an address is no scheme and host that may be spoken to; nothing where it is one."""
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        return "is no address"
    host = parts.hostname or ""
    if (
        not re.fullmatch(r"[a-z0-9.:-]+", host)
        or parts.username is not None
        or parts.path
        or "?" in base
        or "#" in base
    ):
        return "is not an address of the form https://host or https://host:port"
    if port == 0:
        return "has no port that can be reached"
    if parts.scheme == "https" or (parts.scheme == "http" and _on_this_machine(host)):
        return ""
    return "does not use https, and only this machine itself may be spoken to without"


def _on_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fill_path(template: str, *, object_id: str, version: int | None = None) -> str:
    """Give a path of the catalogue with its `{id}` and `{version}` filled in, each quoted so that it stays one segment.

    Raises `AddressNotAllowed` for an id that no quoting keeps inside its place (`.`, `..`, empty, half a character).
    """
    try:
        quoted = quote(object_id, safe="")
    except UnicodeEncodeError:
        quoted = ""
    # Dots stay dots when they are quoted, and `.` and `..` are steps between folders (RFC 3986 section 5.2.4).
    if not quoted or _SEGMENT_UP.fullmatch(quoted):
        message = f"{object_id!r} cannot be the id of an object, so nothing was sent. Check how it was written."
        raise AddressNotAllowed(message, sent=False)
    path = template.replace("{id}", quoted)
    return path if version is None else path.replace("{version}", str(version))


def check_path(path: str) -> str:
    """Give a path as it came; raise `AddressNotAllowed` unless it is a plain, quoted path below `/api/`."""
    segments = path.split("/")[1:]
    if not _PATH.fullmatch(path) or any(not part or _SEGMENT_UP.fullmatch(part) for part in segments):
        message = f"{path!r} is not a path of the platform's API, so nothing was sent."
        raise AddressNotAllowed(message, sent=False)
    return path


def next_page(base: str, *, path: str, uri: str) -> str:
    """Give path and query of a list's next page; raise `CyclicList` where `nextUri` leads away from the list.

    Services write it as a path or as a whole address; either way it must stay on the host and the path of the list.
    """
    joined = urljoin(base + path, uri)
    parts = urlsplit(joined)
    # The service may name itself by its public address; only path and query are taken over.
    if parts.path != path or parts.fragment:
        message = (
            f"The list at {path} says that it goes on at {uri[:200]!r}, which is not the same list. "
            "It was not followed, and the list was not used; tell the platform's support."
        )
        raise CyclicList(message)
    return f"{path}?{parts.query}" if parts.query else path
