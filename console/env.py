"""Read the console's settings from the environment, strictly.

`DEBUG=treu` is refused by name; django-environ alone would read it as False in silence. Each problem is collected
and all of them are told at once, as whole sentences, before anything has started. A value comes from, in this order:

    NAME            the environment
    NAME_FILE       for values that carry a secret: the file of that name, its last newline left out
    <data folder>/environment     what `make demo`, or a first start with DEBUG, has kept for the next start

An empty value counts as not given. No message ever repeats a secret.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import os
import re
import secrets
import sys
import urllib.parse
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
POSTGRES_SCHEMES = frozenset({"postgres", "postgresql"})
BROKER_SCHEMES = frozenset({"redis", "rediss", "redis+socket"})
MAIL_SCHEMES = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
KEPT = "environment"
KEY_BYTES = 32
MAKE_KEY = 'python -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
DEBUG_HINT = "make demo and DEBUG=on make it for you and keep it in the data folder"
PUBLIC_KEY = re.compile(r"[0-9a-fA-F]{64}")
HOST = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9_.\[\]:-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Through which server e-mail leaves, and who it says that it is from."""

    host: str
    port: int
    user: str
    password: str
    start_tls: bool
    tls: bool
    sender: str


class UnreadableEnvironment(ImproperlyConfigured):
    """One or more settings cannot be read; `problems` holds a sentence for each, with its name."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Environment:
    """The settings of one start.

    Readers return a usable value even where they note a problem, so that one start tells every problem;
    `check` then raises UnreadableEnvironment.
    """

    def __init__(self, given: Mapping[str, str], *, default_data_dir: Path) -> None:
        self.problems: list[str] = []
        self._given = given
        self._kept: dict[str, str] = {}
        self.data_dir = Path(self.text("CONSOLE_DATA_DIR") or default_data_dir).expanduser().resolve()
        if self.data_dir.exists() and not self.data_dir.is_dir():
            self._refuse("CONSOLE_DATA_DIR", f"is {self.data_dir}, which is not a folder")
        else:
            self._kept = self._read_kept()

    def check(self) -> None:
        """Raise UnreadableEnvironment where anything that was read so far could not be."""
        if self.problems:
            raise UnreadableEnvironment(self.problems)

    def text(self, name: str) -> str | None:
        """Return the value of a name, or None where it is not given."""
        return self._given.get(name, "").strip() or self._kept_value(name)

    def secret(self, name: str) -> str | None:
        """Return the value of a name that may also be in the file that NAME_FILE names."""
        value, file = self._given.get(name, "").strip(), self._given.get(f"{name}_FILE", "").strip()
        if value and file:
            self._refuse(name, f"and {name}_FILE are both given; keep one of the two")
        if value or not file:
            return value or self._kept_value(name)
        try:
            content = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            self._refuse(f"{name}_FILE", f"names {file}, which is not UTF-8 text")
            return None
        except OSError as problem:
            self._refuse(f"{name}_FILE", f"names {file}, which cannot be read: {problem.strerror}")
            return None
        if not content.strip():
            self._refuse(f"{name}_FILE", f"names {file}, which is empty")
            return None
        return content

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a switch; anything but a plain yes or no is refused."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() in YES | NO:
            return value.lower() in YES
        self._refuse(name, f"is {value!r}, which is neither on nor off; use one of on, off, true, false, yes, no, 1, 0")
        return default

    def number(self, name: str, *, default: int, least: int, most: int) -> int:
        """Return a whole number within bounds; anything else is refused."""
        value = self.text(name)
        if value is None:
            return default
        if value.isascii() and value.isdecimal() and least <= int(value[:12]) <= most:
            return int(value)
        self._refuse(name, f"is {value!r}, which is no whole number from {least} to {most}")
        return default

    def file(self, name: str, *, check: Callable[[Path], object]) -> Path | None:
        """Return the file that a name gives, or None; what `check` raises about it as ValueError is refused."""
        value = self.text(name)
        if value is None:
            return None
        path = Path(value).expanduser().resolve()
        try:
            check(path)
        except ValueError as problem:
            self._refuse(name, f"names {path}, which cannot be used: {str(problem).rstrip('.')}")
            return None
        return path

    def hosts(self, name: str) -> list[str]:
        """Return host names separated by commas, without scheme and port."""
        return self._words(name, HOST, "a host name without scheme, port and path, such as console.example.com")

    def origins(self, name: str) -> list[str]:
        """Return origins separated by commas, each with its scheme."""
        return self._words(name, ORIGIN, "an origin with its scheme, such as https://console.example.com")

    def database(self, name: str) -> dict[str, Any] | None:
        """Return the entry of Django's DATABASES that a URL describes, or None where it is not given."""
        url = self.secret(name)
        if url is None:
            return None
        scheme, found, _ = url.partition("://")
        wanted = "write postgres://USER:PASSWORD@HOST:PORT/NAME, or leave it out to use the embedded PostgreSQL"
        if not found:
            self._refuse(name, f"is no URL; {wanted}")
            return None
        if scheme not in POSTGRES_SCHEMES:
            self._refuse(name, f"begins with {scheme}://, but the console runs on PostgreSQL only; {wanted}")
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                entry: dict[str, Any] = environ.Env.db_url_config(url)
        except ValueError:
            self._refuse(name, f"cannot be taken apart (is the port a number, are @ : / quoted?); {wanted}")
            return None
        # A socket's folder arrives as %2Fvar%2Frun%2Fpostgresql, which django-environ leaves as it is.
        entry["HOST"] = urllib.parse.unquote(entry["HOST"])
        if not entry["NAME"]:
            self._refuse(name, f"names no database; {wanted}")
            return None
        return entry

    def broker(self, name: str) -> str | None:
        """Return the URL of a Redis, or None where it is not given."""
        url = self.secret(name)
        if url is None:
            return None
        scheme, found, _ = url.partition("://")
        if found and scheme in BROKER_SCHEMES:
            return url
        begins = f"begins with {scheme}://" if found else "is no URL"
        self._refuse(
            name,
            f"{begins}, but the broker is Redis; write redis://HOST:PORT/0 or rediss://USER:PASSWORD@HOST:PORT/0, "
            "or leave it out to use the embedded one",
        )
        return None

    def secret_key(self, name: str, *, make: bool) -> str:
        """Return Django's key; `make` one and keep it in the data folder where there is none."""
        value = self._secret_or_made(name, secrets_made=lambda: secrets.token_urlsafe(48), make=make)
        if value is None and not self._refused(name):
            how = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'
            self._refuse(name, f"is missing; give it, or {name}_FILE ({DEBUG_HINT}). Make one with: {how}")
        return value or "not a key: the start is refused"

    def sealing_keys(self, name: str, *, make: bool) -> list[bytes]:
        """Return the keys that seal tenants' client secrets: 32 bytes each, newest first, at least one."""
        value = self._secret_or_made(name, secrets_made=_new_key, make=make)
        if value is None:
            if not self._refused(name):
                self._refuse(name, f"is missing; give it, or {name}_FILE ({DEBUG_HINT}). Make a key with: {MAKE_KEY}")
            return []
        return self._keys(name, value)

    def signing_key(self, name: str, *, make: bool) -> bytes | None:
        """Return the private key (Ed25519, 32 bytes) that signs checkpoints, or None where it is not given."""
        value = self._secret_or_made(name, secrets_made=_new_key, make=make)
        if value is None:
            return None
        keys = self._keys(name, value)
        if len(keys) > 1:
            self._refuse(name, "holds more than one key, but one signs; keep the public keys of older ones apart")
        return keys[0] if keys else None

    def public_keys(self, name: str) -> list[bytes]:
        """Return public keys of 32 bytes each, separated by commas; none where the name is not given."""
        value = self.text(name)
        if value is None:
            return []
        # In hexadecimal too, as `audit key` prints it.
        words = [
            base64.urlsafe_b64encode(bytes.fromhex(word)).decode() if PUBLIC_KEY.fullmatch(word) else word
            for word in re.split(r"[\s,]+", value.strip())
        ]
        return self._keys(name, ",".join(words))

    def folder(self, name: str) -> Path | None:
        """Return the folder that a name gives, or None; it need not be there yet, but it must not be a file."""
        value = self.text(name)
        if value is None:
            return None
        path = Path(value).expanduser().resolve()
        if path.exists() and not path.is_dir():
            self._refuse(name, f"is {path}, which is not a folder")
            return None
        return path

    def receiver(self, name: str, *, why_not: Callable[[str], str]) -> str | None:
        """Return the address that a name gives, or None; `why_not` says what is wrong with one, or nothing."""
        value = self.text(name)
        reason = why_not(value) if value is not None else ""
        if reason:
            self._refuse(name, f"is {value!r}, which {reason}")
        return None if reason else value

    def email(self, name: str, *, sender: str) -> MailServer | None:
        """Return the mail server that a URL describes, or None where it is not given; `sender` names the From address.

        A password leaves only behind TLS, unless the server is on this machine.
        """
        url = self.secret(name)
        if url is None:
            return None
        wanted = "write smtp+tls://USER:PASSWORD@HOST:587 (STARTTLS), smtp+ssl://…:465 or smtp://HOST:25"
        scheme, found, _ = url.partition("://")
        if not found or scheme not in MAIL_SCHEMES:
            self._refuse(name, f"is no address of a mail server; {wanted}")
            return None
        try:
            given: dict[str, Any] = environ.Env.email_url_config(url)
        except ValueError:
            self._refuse(name, f"cannot be taken apart (is the port a number, are @ : / quoted?); {wanted}")
            return None
        host, tls = given["EMAIL_HOST"] or "", given.get("EMAIL_USE_SSL", False)
        start_tls = given.get("EMAIL_USE_TLS", False)
        if not host or given["EMAIL_FILE_PATH"] or "OPTIONS" in given:
            self._refuse(name, f"names no host, or more than one; {wanted}")
            return None
        if given["EMAIL_HOST_PASSWORD"] and not (tls or start_tls) and host not in LOOPBACK:
            self._refuse(name, "would send a password without TLS; begin it with smtp+tls:// or smtp+ssl://")
            return None
        from_whom = self.text(sender)
        try:
            validate_email(from_whom or "")
        except ValidationError:
            self._refuse(
                sender, f"is {from_whom or 'missing'}, and {name} needs the plain address that mail comes from"
            )
            return None
        return MailServer(
            host=host,
            port=given["EMAIL_PORT"] or MAIL_SCHEMES[scheme],
            user=given["EMAIL_HOST_USER"] or "",
            password=given["EMAIL_HOST_PASSWORD"] or "",
            start_tls=start_tls,
            tls=tls,
            sender=from_whom or "",
        )

    def single_sign_on(self, prefix: str, *, plain_http: bool) -> list[dict[str, Any]]:
        """Return the identity provider as django-allauth's app, or none where no issuer is given.

        The issuer must be reached over TLS, unless `plain_http` says that the console itself is on this machine only.
        """
        issuer, client_id = self.text(f"{prefix}_ISSUER"), self.text(f"{prefix}_CLIENT_ID")
        secret, name = self.secret(f"{prefix}_CLIENT_SECRET"), self.text(f"{prefix}_NAME") or "Single sign-on"
        if issuer is None:
            for part, value in (("CLIENT_ID", client_id), ("CLIENT_SECRET", secret)):
                if value is not None:
                    self._refuse(f"{prefix}_{part}", f"is given, but {prefix}_ISSUER is not; give both or none")
            return []
        wanted = "https, http" if plain_http else "https"
        if urllib.parse.urlsplit(issuer).scheme not in wanted.split(", ") or not urllib.parse.urlsplit(issuer).hostname:
            self._refuse(f"{prefix}_ISSUER", f"is {issuer!r}, which is no address of an issuer ({wanted})")
        for part, value in (("CLIENT_ID", client_id), ("CLIENT_SECRET", secret)):
            if value is None and not self._refused(f"{prefix}_{part}"):
                self._refuse(f"{prefix}_{part}", f"is missing, but {prefix}_ISSUER is given; give both or none")
        settings = {"server_url": issuer, "fetch_userinfo": False}
        app = {"provider_id": "sso", "name": name, "client_id": client_id, "secret": secret, "settings": settings}
        return [app]

    def _keys(self, name: str, value: str) -> list[bytes]:
        keys: list[bytes] = []
        for position, word in enumerate(re.split(r"[\s,]+", value.strip()), start=1):
            key = _decoded(word)
            if key is None:
                self._refuse(
                    name,
                    f"has a key that cannot be read (number {position}): each is {KEY_BYTES} bytes in base64url, "
                    f"the newest first, separated by commas. Make one with: {MAKE_KEY}",
                )
            elif key in keys:
                self._refuse(name, f"holds the same key twice (number {position})")
            else:
                keys.append(key)
        return keys

    def unknown_names(self, known: frozenset[str]) -> list[str]:
        """Return names that begin like ours and are none of `known`: likely a slip of the pen."""
        return sorted(
            name
            for name in self._given
            if name.startswith("CONSOLE_") and not known.intersection((name, name.removesuffix("_FILE")))
        )

    def _words(self, name: str, shape: re.Pattern[str], wanted: str) -> list[str]:
        value = self.text(name)
        if value is None:
            return []
        words = [word.strip() for word in value.split(",") if word.strip()]
        for word in words:
            if not shape.fullmatch(word):
                self._refuse(name, f"holds {word!r}, which is not {wanted}")
        return words

    def _secret_or_made(self, name: str, *, secrets_made: Callable[[], str], make: bool) -> str | None:
        value = self.secret(name)
        if value is not None or self._refused(name) or not make:
            return value
        try:
            self._kept = keep(self.data_dir, {name: secrets_made()})
        except OSError as problem:
            self._refuse("CONSOLE_DATA_DIR", f"is {self.data_dir}, which cannot be written to: {problem.strerror}")
            return None
        return self._kept_value(name)

    def _kept_value(self, name: str) -> str | None:
        return self._kept.get(name) or None

    def _read_kept(self) -> dict[str, str]:
        try:
            return _kept_in(self.data_dir)
        except (OSError, UnicodeDecodeError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
            self._refuse("CONSOLE_DATA_DIR", f"is {self.data_dir}, whose file {KEPT!r} cannot be read: {why}")
            return {}

    def _refused(self, name: str) -> bool:
        return any(problem.startswith((f"{name} ", f"{name}_FILE ")) for problem in self.problems)

    def _refuse(self, name: str, why: str) -> None:
        self.problems.append(f"{name} {why}. Nothing was started.")


def keep(data_dir: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Keep settings in the data folder for the next start, and return all that are kept there.

    A name that is already kept stays as it is: two processes that start at the same time end with the same keys.
    The file is readable for its owner alone.
    """
    data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    with _alone(data_dir / f"{KEPT}.lock"):
        there = _kept_in(data_dir)
        together = {**values, **there}
        if together != there:
            new = data_dir / f"{KEPT}.new"
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write("# Kept by the console for its next start; values of the environment win over these.\n")
                file.writelines(f"{name}={value}\n" for name, value in sorted(together.items()))
                file.flush()
                os.fsync(file.fileno())
            new.replace(data_dir / KEPT)
    return together


@contextlib.contextmanager
def refusing_by_name() -> Iterator[None]:
    """End the process with exit code 2 and the sentences on stderr where the environment cannot be read."""
    try:
        yield
    except UnreadableEnvironment as refused:
        for problem in refused.problems:
            sys.stderr.write(f"{problem}\n")
        raise SystemExit(2) from None


def for_demo(given: Mapping[str, str], *, default_data_dir: Path) -> None:
    """Keep in the data folder what a demonstration needs and nobody has given: keys, hosts of this machine.

    The practice platform runs on this machine and is none of the platform's own domains, hence the custom hosts.
    """
    data_dir = Path(given.get("CONSOLE_DATA_DIR", "").strip() or default_data_dir).expanduser().resolve()
    values = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "CONSOLE_SECRET_KEYS": _new_key(),
        "CONSOLE_CHECKPOINT_KEY": _new_key(),
        "ALLOWED_HOSTS": ",".join(sorted(LOOPBACK)),
        "CONSOLE_ALLOW_CUSTOM_HOSTS": "on",
    }
    try:
        keep(data_dir, values)
    except OSError as problem:
        raise UnreadableEnvironment(
            [f"CONSOLE_DATA_DIR is {data_dir}, which cannot be written to: {problem.strerror}. Nothing was started."]
        ) from problem


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _kept_in(data_dir: Path) -> dict[str, str]:
    try:
        lines = (data_dir / KEPT).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {
        name.strip(): value.strip()
        for name, found, value in (line.partition("=") for line in lines if not line.startswith("#"))
        if found
    }


def _new_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _decoded(word: str) -> bytes | None:
    try:
        # altchars with validate: urlsafe_b64decode drops foreign characters in silence.
        key = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None
