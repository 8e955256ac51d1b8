"""The environment is read strictly: what cannot be read is refused by name, all of it at once."""

import base64
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings

from console import env

KEY_OF_MAY = base64.urlsafe_b64encode(b"m" * 32).decode()
KEY_OF_JUNE = base64.urlsafe_b64encode(b"j" * 32).decode()
CHECKOUT = Path(settings.BASE_DIR)


def reading(folder: Path, **given: str) -> env.Environment:
    return env.Environment(given, default_data_dir=folder)


def sentences(environment: env.Environment) -> str:
    with pytest.raises(env.UnreadableEnvironment) as refused:
        environment.check()
    return str(refused.value)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("on", True),
        ("True", True),
        ("1", True),
        ("YES", True),
        ("off", False),
        ("0", False),
        ("no", False),
        ("", False),
    ],
)
def test_a_switch_understands_plain_words(tmp_path: Path, value: str, meant: bool) -> None:
    environment = reading(tmp_path, DEBUG=value)
    assert environment.flag("DEBUG") is meant
    environment.check()


def test_a_typo_in_a_switch_is_refused_by_name_with_what_was_written(tmp_path: Path) -> None:
    environment = reading(tmp_path, DEBUG="treu")
    assert environment.flag("DEBUG") is False
    assert "DEBUG is 'treu'" in sentences(environment)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    environment = reading(
        tmp_path, DEBUG="treu", ALLOWED_HOSTS="https://console.bank.example", DATABASE_URL="mysql://x/y"
    )
    environment.flag("DEBUG")
    environment.hosts("ALLOWED_HOSTS")
    environment.database("DATABASE_URL")
    told = sentences(environment)
    assert [line.split()[0] for line in told.splitlines()] == ["DEBUG", "ALLOWED_HOSTS", "DATABASE_URL"]


@pytest.mark.parametrize(
    "hosts", ["console.example.com", ".example.com", "127.0.0.1", "[::1]", "*", "a.example, b.example"]
)
def test_host_names_are_taken_as_django_knows_them(tmp_path: Path, hosts: str) -> None:
    environment = reading(tmp_path, ALLOWED_HOSTS=hosts)
    assert environment.hosts("ALLOWED_HOSTS") == [host.strip() for host in hosts.split(",")]
    environment.check()


@pytest.mark.parametrize("hosts", ["http://a.example", "a.example:8000", "a.example/console", "a.example b.example"])
def test_a_host_with_scheme_port_or_path_is_refused(tmp_path: Path, hosts: str) -> None:
    environment = reading(tmp_path, ALLOWED_HOSTS=hosts)
    environment.hosts("ALLOWED_HOSTS")
    assert repr(hosts) in sentences(environment)


def test_an_origin_needs_its_scheme(tmp_path: Path) -> None:
    fine = reading(tmp_path, CSRF_TRUSTED_ORIGINS="https://console.example.com,http://127.0.0.1:8010")
    assert len(fine.origins("CSRF_TRUSTED_ORIGINS")) == 2
    fine.check()
    wrong = reading(tmp_path, CSRF_TRUSTED_ORIGINS="console.example.com")
    wrong.origins("CSRF_TRUSTED_ORIGINS")
    assert "'console.example.com'" in sentences(wrong)


@pytest.mark.parametrize("url", ["sqlite:///vault.sqlite3", "mysql://root@db/vault", "postgresq://db/vault", "vault"])
def test_another_database_than_postgresql_is_refused_by_name(tmp_path: Path, url: str) -> None:
    environment = reading(tmp_path, DATABASE_URL=url)
    assert environment.database("DATABASE_URL") is None
    told = sentences(environment)
    assert told.startswith("DATABASE_URL ")
    assert "postgres://USER:PASSWORD@HOST:PORT/NAME" in told


@pytest.mark.parametrize("url", ["postgres://vault:s3cret@db:54x2/vault", "postgres://vault:s3cret@db/"])
def test_a_broken_database_url_is_refused_without_repeating_its_password(tmp_path: Path, url: str) -> None:
    environment = reading(tmp_path, DATABASE_URL=url)
    environment.database("DATABASE_URL")
    assert "s3cret" not in sentences(environment)


def test_a_database_url_may_name_host_socket_and_options(tmp_path: Path) -> None:
    def read(url: str) -> dict[str, object]:
        entry = reading(tmp_path, DATABASE_URL=url).database("DATABASE_URL")
        assert entry is not None
        return entry

    host = read("postgres://vault:p%40ss@db.bank.example:5433/vault?sslmode=require")
    assert (host["HOST"], host["PORT"], host["PASSWORD"]) == ("db.bank.example", 5433, "p@ss")
    assert host["OPTIONS"] == {"sslmode": "require"}
    assert read("postgres://vault@%2Fvar%2Frun%2Fpostgresql/vault")["HOST"] == "/var/run/postgresql"


def test_a_broker_is_redis_or_nothing(tmp_path: Path) -> None:
    assert reading(tmp_path).broker("CELERY_BROKER_URL") is None
    assert reading(tmp_path, CELERY_BROKER_URL="redis://127.0.0.1:6379/0").broker("CELERY_BROKER_URL")
    wrong = reading(tmp_path, CELERY_BROKER_URL="sqs://key:s3cret@")
    wrong.broker("CELERY_BROKER_URL")
    told = sentences(wrong)
    assert "sqs://" in told
    assert "s3cret" not in told


def test_a_secret_may_come_from_a_file_whose_last_newline_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "django-key"
    file.write_text("a-key-of-the-bank \n")
    assert reading(tmp_path, SECRET_KEY_FILE=str(file)).secret_key("SECRET_KEY", make=False) == "a-key-of-the-bank "


def test_a_secret_file_that_is_missing_empty_or_doubled_is_refused_by_name(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for given, expected in [
        ({"SECRET_KEY_FILE": str(tmp_path / "nowhere")}, "cannot be read: No such file"),
        ({"SECRET_KEY_FILE": str(empty)}, "which is empty"),
        ({"SECRET_KEY_FILE": str(empty), "SECRET_KEY": "written-twice"}, "are both given"),
    ]:
        environment = reading(tmp_path, **given)
        environment.secret_key("SECRET_KEY", make=True)
        told = sentences(environment)
        assert told.startswith("SECRET_KEY")
        assert expected in told
        assert "written-twice" not in told
    assert not (tmp_path / env.KEPT).exists(), "a refused start keeps nothing"


def test_sealing_keys_are_read_newest_first(tmp_path: Path) -> None:
    environment = reading(tmp_path, CONSOLE_SECRET_KEYS=f"{KEY_OF_JUNE}, {KEY_OF_MAY.rstrip('=')}")
    assert environment.sealing_keys("CONSOLE_SECRET_KEYS", make=False) == [b"j" * 32, b"m" * 32]
    environment.check()


@pytest.mark.parametrize(
    "bad", ["short", base64.urlsafe_b64encode(b"x" * 31).decode(), KEY_OF_MAY[:-2] + "!=", "ä" * 43]
)
def test_a_sealing_key_of_another_shape_is_refused_with_its_number_and_not_its_value(tmp_path: Path, bad: str) -> None:
    environment = reading(tmp_path, CONSOLE_SECRET_KEYS=f"{KEY_OF_JUNE},{bad}")
    environment.sealing_keys("CONSOLE_SECRET_KEYS", make=False)
    told = sentences(environment)
    assert "number 2" in told
    assert bad not in told


def test_missing_keys_are_asked_for_unless_they_may_be_made(tmp_path: Path) -> None:
    strict = reading(tmp_path)
    strict.secret_key("SECRET_KEY", make=False)
    strict.sealing_keys("CONSOLE_SECRET_KEYS", make=False)
    assert [line.split()[0] for line in sentences(strict).splitlines()] == ["SECRET_KEY", "CONSOLE_SECRET_KEYS"]

    debug = reading(tmp_path / "data")
    made = debug.secret_key("SECRET_KEY", make=True), debug.sealing_keys("CONSOLE_SECRET_KEYS", make=True)
    debug.check()
    assert stat.S_IMODE((tmp_path / "data" / env.KEPT).stat().st_mode) == 0o600
    again = reading(tmp_path / "data")
    assert (again.secret_key("SECRET_KEY", make=False), again.sealing_keys("CONSOLE_SECRET_KEYS", make=False)) == made


def test_two_processes_that_start_at_once_end_with_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(
            pool.map(lambda _: reading(tmp_path / "data").secret_key("SECRET_KEY", make=True), range(8)),
        )
    assert len(made) == 1


def test_the_environment_wins_over_what_is_kept(tmp_path: Path) -> None:
    env.for_demo({}, default_data_dir=tmp_path)
    assert reading(tmp_path).flag("CONSOLE_ALLOW_CUSTOM_HOSTS") is True
    assert reading(tmp_path, CONSOLE_ALLOW_CUSTOM_HOSTS="off").flag("CONSOLE_ALLOW_CUSTOM_HOSTS") is False


def test_names_that_only_look_like_ours_are_noticed(tmp_path: Path) -> None:
    environment = reading(tmp_path, CONSOLE_ALLOW_CUSTOM_HOST="on", CONSOLE_SECRET_KEYS_FILE="x", HOME="/root")
    known = frozenset({"CONSOLE_ALLOW_CUSTOM_HOSTS", "CONSOLE_SECRET_KEYS"})
    assert environment.unknown_names(known) == ["CONSOLE_ALLOW_CUSTOM_HOST"]


COMMAND = ["manage.py", "migrate"]
SERVER = ["-m", "gunicorn", "console.wsgi"]
WORKER = ["-m", "celery", "-A", "console", "worker"]


@pytest.mark.parametrize(
    ("start", "given", "name"),
    [
        (COMMAND, {"DEBUG": "treu"}, "DEBUG"),
        (SERVER, {"DEBUG": "treu"}, "DEBUG"),
        (WORKER, {"DEBUG": "treu"}, "DEBUG"),
        (COMMAND, {"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL"),
        (COMMAND, {"CONSOLE_SECRET_KEYS": "abc"}, "CONSOLE_SECRET_KEYS"),
        (COMMAND, {"SECRET_KEY_FILE": "/nowhere/django-key", "SECRET_KEY": ""}, "SECRET_KEY_FILE"),
        (COMMAND, {"SECRET_KEY": ""}, "SECRET_KEY"),
    ],
)
def test_a_start_with_an_unreadable_value_ends_with_a_sentence_and_exit_code_2(
    tmp_path: Path, start: list[str], given: dict[str, str], name: str
) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "CONSOLE_DATA_DIR": str(tmp_path / "data"),
        **given,
    }
    ended = subprocess.run(
        [sys.executable, *start], cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=180
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"{name} ")
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""
    assert not (tmp_path / "data").exists(), "a refused start leaves nothing behind"


def test_the_key_of_checkpoints_is_one_key_or_none(tmp_path: Path) -> None:
    name = "CONSOLE_CHECKPOINT_KEY"
    assert reading(tmp_path).signing_key(name, make=False) is None
    assert reading(tmp_path, CONSOLE_CHECKPOINT_KEY=KEY_OF_MAY).signing_key(name, make=False) == b"m" * 32
    two = reading(tmp_path, CONSOLE_CHECKPOINT_KEY=f"{KEY_OF_MAY},{KEY_OF_JUNE}")
    two.signing_key(name, make=False)
    assert "more than one key" in sentences(two)
    made = reading(tmp_path).signing_key(name, make=True)
    assert made is not None
    assert reading(tmp_path).signing_key(name, make=False) == made, "it is kept for the next start"


def test_public_keys_folder_and_receiver_are_read_strictly(tmp_path: Path) -> None:
    environment = reading(
        tmp_path, KEYS=f"{(b'm' * 32).hex()} {KEY_OF_JUNE}", FOLDER=str(tmp_path / "new"), URL="https://a.example/x"
    )
    assert environment.public_keys("KEYS") == [b"m" * 32, b"j" * 32]
    assert environment.folder("FOLDER") == tmp_path / "new"
    assert environment.receiver("URL", why_not=lambda _: "") == "https://a.example/x"
    assert (environment.public_keys("NONE"), environment.folder("NONE")) == ([], None)
    environment.check()
    (tmp_path / "file").touch()
    wrong = reading(tmp_path, KEYS="abc", FOLDER=str(tmp_path / "file"), URL="http://a.example")
    wrong.public_keys("KEYS")
    assert wrong.folder("FOLDER") is None
    assert wrong.receiver("URL", why_not=lambda _: "does not use https") is None
    assert [line.split()[0] for line in sentences(wrong).splitlines()] == ["KEYS", "FOLDER", "URL"]


@pytest.mark.parametrize(
    ("url", "host", "port", "start_tls", "tls"),
    [
        ("smtp://mail.example.com", "mail.example.com", 25, False, False),
        ("smtp+tls://vault:p%40ss@mail.example.com", "mail.example.com", 587, True, False),
        ("smtp+ssl://vault:p%40ss@mail.example.com:4465", "mail.example.com", 4465, False, True),
    ],
)
def test_a_mail_server_is_read_with_its_way_of_encrypting(
    tmp_path: Path, url: str, host: str, port: int, start_tls: bool, tls: bool
) -> None:
    environment = reading(tmp_path, EMAIL_URL=url, EMAIL_FROM="vault@example.com")
    server = environment.email("EMAIL_URL", sender="EMAIL_FROM")
    environment.check()
    assert server is not None
    assert (server.host, server.port, server.start_tls, server.tls) == (host, port, start_tls, tls)
    assert server.password == ("p@ss" if "@mail" in url else "")
    assert reading(tmp_path).email("EMAIL_URL", sender="EMAIL_FROM") is None


@pytest.mark.parametrize(
    "url",
    ["mail.example.com", "imap://mail.example.com", "smtp://", "smtp://vault:p4ss@mail.example.com", "smtp://h:x"],
)
def test_a_mail_server_that_cannot_be_used_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    environment = reading(tmp_path, EMAIL_URL=url, EMAIL_FROM="vault@example.com")
    assert environment.email("EMAIL_URL", sender="EMAIL_FROM") is None
    assert sentences(environment).startswith("EMAIL_URL ")
    assert "p4ss" not in sentences(environment)


def test_mail_needs_somebody_whom_it_is_from(tmp_path: Path) -> None:
    environment = reading(tmp_path, EMAIL_URL="smtp://mail.example.com", EMAIL_FROM="Vault")
    assert environment.email("EMAIL_URL", sender="EMAIL_FROM") is None
    assert sentences(environment).startswith("EMAIL_FROM is Vault")
