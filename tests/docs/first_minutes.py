"""docs/FIRST_MINUTES.md: a new organization from nothing to its report, as the commands really print it.

The words between are ours; each block is what a command printed in a real run against the practice platform. What
differs from one machine to another is replaced by one value (`steady`), so that a test can hold the page to a new run.
"""

import re
from collections.abc import Callable
from typing import Final

from console.practice.server import PracticeServer

PLATFORM: Final = "http://127.0.0.1:8001"
DOCTOR: Final = "doctor"
_TEXT: Final = """\
# A new organization in five minutes

What the commands print here is what they printed: `make docs` runs them against the practice platform and writes this
page, and a test holds it to a new run. Every command has `--json`; shapes and exit codes are in
[CONTRACT.md](CONTRACT.md).

On the platform, make an OAuth client of the kind *client credentials* for the console alone, and give it a role with
the permissions in [TYPES.md](TYPES.md), **in every division**. Its secret goes into a file that only you can read.

To try it on the demo: the practice platform keeps its clients' ids and secrets in `var/practice/credentials.json`.

## 1. Add it

Nothing is asked of the platform yet. On a real one, `--region mypurecloud.de` stands in place of the two addresses.

{add}

## 2. See what works

{check}

## 3. Take in what is there

At a terminal it asks which types to take; `--yes` takes all of them, `--types A,B` some, `--dry-run` only shows the
table. In this run the client's role lacked the division *Card security* and three permissions, and the report says so.

{track}

Stopped by Ctrl-C, by a crash or by a platform that is down, the same command goes on where it was: nothing is lost,
nothing is read twice. In the browser, *Track* offers the same as *Everything in an organization*.

## 4. When something does not work

`manage.py doctor` looks at the installation itself; here that of a laptop, with a worker running:

{doctor}
"""
ADD: Final = (
    "tenant add northwind --name Northwind_Bank --api-url {url} --login-url {url} --client-id {client_id} "
    "--client-secret-file secret"
)
AWAY: Final = ("outbound:ruleSet:view", "architect:flow:view", "routing:skillGroup:view")
"""What the client may not read in this run."""
COMMANDS: Final = {"check": "tenant check northwind", "track": "track northwind --all --yes"}


def text(practice: PracticeServer, run: Callable[[list[str], str], str], doctor: str) -> str:
    """Give the whole page: `run` takes words and stdin and gives what the command printed on stdout."""
    return _TEXT.format(**blocks(practice, run), doctor=_block("doctor", doctor))


def blocks(practice: PracticeServer, run: Callable[[list[str], str], str]) -> dict[str, str]:
    """Run the commands in their order, and give what each block shows."""
    one = practice.credentials["northwind"]
    practice.set_divisions("northwind", remove=["Card security"])
    practice.platform.control.set_permissions({"organization": "northwind", "remove": list(AWAY)})
    words = ADD.format(url=practice.url, client_id=one.client_id).split()
    words = [word.replace("_", " ") for word in words]
    typed = ADD.format(url=PLATFORM, client_id=one.client_id).replace("Northwind_Bank", '"Northwind Bank"')
    typed = typed.replace(" --api-url", " \\\n        --api-url").replace(" --client-id", " \\\n        --client-id")
    words[words.index("secret")] = "-"
    shown = {"add": _block(typed, steady(run(words, one.client_secret), practice.url))}
    for name, command in COMMANDS.items():
        shown[name] = _block(command, steady(run(command.split(), ""), practice.url))
    return shown


def steady(printed: str, url: str = "") -> str:
    """Replace what differs from one machine, or one minute, to another."""
    printed = printed.replace(url, PLATFORM) if url else printed
    printed = re.sub(r"Correlation id [0-9a-f-]+", "Correlation id 7d1f…", printed)
    printed = re.sub(r"(?<=at )[\d,]+( a minute \(of )[\d,]+", r"240\g<1>300", printed)
    printed = re.sub(r"[\d,]+(?= requests a minute)", "300", printed)
    printed = re.sub(r"\S+ has \d+ GB left", "/srv/vault/var has 74 GB left", printed)
    printed = re.sub(r"files in \S+?; \d+ wait", "files in /srv/vault/var/broker; 0 wait", printed)
    printed = re.sub(r"within \d+ s of", "within 1 s of", printed)
    printed = re.sub(r"\S+/checkpoints\b", "/srv/vault/var/checkpoints", printed)
    printed = re.sub(r"public key [0-9a-f]{16}", "public key 5c9e03f7a1b2d684", printed)
    printed = re.sub(r"celery@\S+ answers", "celery@laptop answers", printed)
    return printed.rstrip()


def _block(command: str, printed: str) -> str:
    lines = [f"    $ .venv/bin/python manage.py {command}", *(f"    {line}".rstrip() for line in printed.splitlines())]
    return "\n".join(lines)
