"""In production the console says of itself what a browser and Django's own checks ask for; run as a process."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from console.signing_in.views import SignIn
from tests.rollbacks.trail_world import make_bank

PRODUCTION = {
    "ALLOWED_HOSTS": "vault.northwind.example",
    "CSRF_TRUSTED_ORIGINS": "https://vault.northwind.example",
    "SECRET_KEY": "production-" + "k4-Wq9zLr2TnB7" * 6,
    "CONSOLE_SECRET_KEYS": base64.urlsafe_b64encode(bytes(range(32))).decode(),
    "CELERY_BROKER_URL": "rediss://vault:secret@redis.northwind.example:6379/0",
    "DATABASE_URL": "postgres://vault:secret@127.0.0.1:1/vault",
}

ASK = """
import json, django
django.setup()
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.test import Client
from django.contrib.sessions.backends.base import SessionBase
client = Client(headers={"host": "vault.northwind.example"})
plain = client.get("/login/")
page = client.get("/login/", secure=True)
names = ["SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY",
  "SESSION_COOKIE_SAMESITE", "CSRF_COOKIE_SECURE", "CSRF_COOKIE_HTTPONLY", "SESSION_COOKIE_PATH",
  "SESSION_COOKIE_DOMAIN", "CONSOLE_REQUIRE_SECOND_FACTOR", "DEBUG", "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN"]
print(json.dumps({
    "plain": [plain.status_code, plain.headers.get("Location")],
    "headers": dict(page.headers),
    "cookies": {name: dict(cookie) for name, cookie in page.cookies.items()},
    "trace": client.generic("TRACE", "/login/", secure=True).status_code,
    "settings": {name: getattr(settings, name) for name in names},
}))
"""


def as_production(*command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    ours = ("CONSOLE_", "SECRET_", "DATABASE", "DJANGO_")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    given = {
        **bare,
        **PRODUCTION,
        "CONSOLE_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "console.settings",
        **more,
    }
    given.pop("DEBUG", None)
    return subprocess.run(
        [sys.executable, *command], cwd=settings.BASE_DIR, env=given, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_djangos_checks_for_deployment_find_nothing(tmp_path: Path) -> None:
    checked = as_production("manage.py", "check", "--deploy", "--fail-level", "WARNING", folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "no issues (0 silenced)" in checked.stdout + checked.stderr


@pytest.mark.slow
@pytest.mark.django_db
def test_headers_and_cookies_are_those_of_a_console_that_is_reached_over_tls_alone(
    tmp_path: Path, database_url: str
) -> None:
    manifest = tmp_path / "static-collected"
    collected = as_production("manage.py", "collectstatic", "--noinput", "--verbosity", "0", folder=tmp_path)
    assert collected.returncode == 0, collected.stderr
    assert (manifest / "staticfiles.json").exists()
    asked = as_production("-c", ASK, folder=tmp_path, DATABASE_URL=database_url)
    assert asked.returncode == 0, asked.stderr
    told = json.loads(asked.stdout.splitlines()[-1])
    headers = told["headers"]

    assert told["plain"] == [301, "https://vault.northwind.example/login/"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "publickey-credentials-get=(self)" in headers["Permissions-Policy"]
    assert "camera=()" in headers["Permissions-Policy"]
    assert "no-store" in headers["Cache-Control"]
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers

    cookie = told["cookies"]["__Host-csrftoken"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
        True,
        True,
        "Lax",
        "/",
        "",
    )
    assert told["trace"] == 405
    assert told["settings"] == {
        "SESSION_COOKIE_NAME": "__Host-sessionid",
        "CSRF_COOKIE_NAME": "__Host-csrftoken",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_SECURE": True,
        "CSRF_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_PATH": "/",
        "SESSION_COOKIE_DOMAIN": None,
        "CONSOLE_REQUIRE_SECOND_FACTOR": True,
        "DEBUG": False,
        "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN": False,
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("password", "taken"),
    [
        ("northwind bank 1", False),
        ("Config-Vault-2026", False),
        ("GENESYS!rollback", False),
        ("short pw 41", False),
        ("qwerty123456", False),
        ("Sunshine!2026", False),
        ("2026-Dragondragon!", False),
        ("sunshine on the 41 tram", True),
        ("marek.wolski.1", False),
        ("northwind is far from the harbour", True),
        ("seven green taxis 41", True),
        ("731946280515", True),
        ("x1" * 32 + " and spaces, kept ", True),
    ],
)
def test_a_password_is_long_and_not_known_and_may_be_of_any_characters(password: str, *, taken: bool) -> None:
    make_bank()
    marek = User(username="marek.wolski", first_name="Marek", last_name="Wolski")
    if taken:
        validate_password(password, marek)
    else:
        with pytest.raises(ValidationError):
            validate_password(password, marek)


@pytest.mark.django_db
def test_a_password_is_taken_as_it_was_typed_spaces_at_its_ends_too() -> None:
    User.objects.create_user("marek", password=" Seven Taxis ", is_staff=True)
    given = {"username": "marek", "password": "Seven Taxis"}
    assert Client().post("/login/", given).status_code == 200
    assert Client().post("/login/", {**given, "password": " seven taxis "}).status_code == 200
    assert Client().post("/login/", {**given, "password": " Seven Taxis "}).status_code == 302


@pytest.mark.django_db
def test_sessions_factors_and_providers_have_no_page_on_which_anybody_could_see_or_change_them() -> None:
    owner = Client()
    owner.force_login(User.objects.create_superuser("rae", password="x"))
    for address in ("usersessions/usersession", "mfa/authenticator", "socialaccount/socialapp", "account/emailaddress"):
        assert owner.get(f"/{address}/").status_code == 404, address


@pytest.mark.django_db
def test_an_error_that_nobody_expected_shows_a_page_and_nothing_of_the_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("postgres://vault:planted-in-an-error@db/vault")

    monkeypatch.setattr(SignIn, "get_context_data", breaks)
    answer = Client(raise_request_exception=False).get("/login/")
    assert answer.status_code == 500
    assert b"planted" not in answer.content
    assert b"Traceback" not in answer.content
