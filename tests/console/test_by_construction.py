"""What holds by how the product is made: nothing is run, built or kept in a way that input could steer."""

import ast
import string
from pathlib import Path

import pytest
from django.conf import global_settings, settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.sessions.backends.db import SessionStore
from django.core.mail import BadHeaderError, EmailMessage
from django.test import Client, override_settings

ROOT = Path(settings.BASE_DIR)
SOURCES = [path for app in ("console", "tenants", "rollbacks") for path in sorted((ROOT / app).rglob("*.py"))]
RUNS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "pickle.loads"}
"""Calls by which a text becomes a program."""
WEAK = {"hashlib.md5", "hashlib.sha1"}


def name_of(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def is_statement(node: ast.expr) -> bool:
    """Say whether it is a constant statement of SQL, whose format quotes what it takes."""
    return isinstance(node, ast.Call) and name_of(node.func) == "sql.SQL" and isinstance(node.args[0], ast.Constant)


def wrong_calls(tree: ast.AST) -> list[str]:
    """Give the calls that run a text, start a shell, or make a template or a format of something computed."""
    found = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = name_of(call.func)
        shell = any(
            word.arg == "shell" and not (isinstance(word.value, ast.Constant) and not word.value.value)
            for word in call.keywords
        )
        built = name.rpartition(".")[2] in {"Template", "from_string"}
        computed = (
            isinstance(call.func, ast.Attribute)
            and call.func.attr in {"format", "format_map"}
            and isinstance(call.func.value, ast.JoinedStr | ast.BinOp | ast.Call | ast.Subscript)
            and not is_statement(call.func.value)
        )
        secures = not any(word.arg == "usedforsecurity" for word in call.keywords)
        if name in RUNS or (name in WEAK and secures) or shell or built or computed:
            found.append(f"line {call.lineno}: {ast.unparse(call)[:80]}")
    return found


def test_no_text_becomes_a_program_a_template_or_a_format_and_no_weak_hash_is_used() -> None:
    assert len(SOURCES) > 300
    found = {str(path): wrong_calls(ast.parse(path.read_text(encoding="utf-8"))) for path in SOURCES}
    assert {path: calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    "wrong",
    [
        "eval(name)",
        "hashlib.md5(name)",
        "os.system(name)",
        "subprocess.run(name, shell=True)",
        "subprocess.run(name, shell=asked)",
        "Template(name)",
        "engine.from_string(name)",
        "(name + '{x}').format(x=1)",
        "told[name].format(x=1)",
    ],
)
def test_each_such_call_would_be_found(wrong: str) -> None:
    assert wrong_calls(ast.parse(wrong))


def test_passwords_are_kept_by_djangos_slow_hash() -> None:
    named = (ROOT / "console" / "settings.py").read_text(encoding="utf-8")
    assert "PASSWORD_HASHERS" not in named, "the product keeps Django's choice; only the tests have a quick one"
    with override_settings(PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS):
        kept = make_password("seven green taxis 41")
        algorithm, rounds, salt, _ = kept.split("$")
        assert (algorithm, int(rounds) >= 600_000, len(salt) >= 22) == ("pbkdf2_sha256", True, True)
        assert check_password("seven green taxis 41", kept)
        assert not check_password("Seven green taxis 41", kept)


@pytest.mark.django_db
def test_a_sessions_key_is_long_and_never_the_same() -> None:
    keys = {SessionStore()._get_new_session_key() for _ in range(50)}  # type: ignore[attr-defined]
    assert len(keys) == 50
    assert all(len(key) == 32 and set(key) <= set(string.ascii_lowercase + string.digits) for key in keys)


def test_a_line_break_gets_into_no_header_of_a_mail() -> None:
    told = EmailMessage(
        "Northwind\nBcc: marek@elsewhere.example", "It waits for you.", "vault@northwind.example", ["bob"]
    )
    with pytest.raises(BadHeaderError):
        told.message()


@pytest.mark.django_db
def test_the_field_of_a_password_hides_what_is_typed() -> None:
    assert '<input type="password" name="password"' in Client().get("/login/").content.decode()


@pytest.mark.parametrize("path", ["/static/", "/static/console/", "/static/../manage.py", "/.git/config", "/.env"])
def test_no_folder_is_listed_and_no_file_of_the_checkout_is_served(path: str, db: None) -> None:
    answer = Client().get(path)
    assert answer.status_code in {302, 404}
    assert b"manage.py" not in answer.content
    assert not answer.headers.get("Location", "/login/").startswith("/static/")
