"""What every command of the console shares: exit codes, one JSON document, one sentence for each error.

A subclass declares its arguments in `add_arguments` (calling `super()`), does its work in `run` and returns an
`ExitCode`. What people read goes to stderr when `--json` is given, so that stdout holds exactly one document; also when
the command fails, or cannot read what was typed: `{"error": SENTENCE, "exit": CODE}`.
"""

import os
import secrets
import sys
from abc import ABC, abstractmethod
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn, Self

from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, OperationalError, ProgrammingError

from tenants import access, refused_access, trail
from tenants.actions import NotPossible
from tenants.addresses import NotFound
from tenants.archive import UnusableContent
from tenants.discovery import NotListed
from tenants.documents import to_text
from tenants.documents.labels import visible
from tenants.object_paths import InvalidObjectId
from tenants.remote.errors import RemoteError, RemoteRefused
from tenants.resource_types.catalogue import UnknownType
from tenants.sealing import CannotSeal, CannotUnseal

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from django.core.management.base import CommandParser

    from tenants.documents import Value


class ExitCode(IntEnum):
    """The exit codes of CONTRACT.md."""

    DONE = 0
    ERROR = 1
    """Something unexpected; `diff` uses the same number for "they differ", as diff(1) does."""
    WRONG_USE = 2
    REFUSED = 3
    """A guard refused; nothing was sent."""
    CONFLICT = 4
    """Live had moved and nothing of ours landed."""
    OPEN = 5
    """The outcome is still open, or nobody can know it."""
    REFUSED_BY_PLATFORM = 6


WRONG_USE = (
    NotFound,
    UnknownType,
    NotPossible,
    InvalidObjectId,
    NotListed,
    ObjectDoesNotExist,
    PermissionDenied,
)
"""Errors whose message says what was typed wrong, or what cannot be had as things stand."""
COLOURS = {"dim": "2", "added": "32", "removed": "31", "changed": "33", "moved": "36", "bold": "1"}

_PAINT = f"\ue000{secrets.token_hex(8)}"
"""Stands for the beginning of a colour until a line is written: no text that somebody sent can hold it."""


def _line(text: str) -> str:
    """Give what is written for one line: what would end it, steer the terminal or turn what is read is an escape."""
    first, *painted = text.split(_PAINT)
    parts = [visible(first)]
    for part in painted:
        colour, _, rest = part.partition(";")
        parts.append(f"\x1b[{colour}m{visible(rest)}")
    return "".join(parts)


class WrongUse(CommandError):
    """What was typed cannot be carried out; nothing was done."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=ExitCode.WRONG_USE)


class Stopped(CommandError):
    """The command ends here with a sentence and an exit code."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(sentence, returncode=code)


def find_user(name: str) -> User:
    """Give the active user of this name; raises WrongUse."""
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise WrongUse(f"There is no active user {name!r}. Nothing was done.")
    return user


def explain(error: Exception) -> CommandError | None:
    """Give the sentence and the exit code for an error that a command may meet; None for one that nobody expected."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, WRONG_USE):
        return Stopped(str(error), ExitCode.WRONG_USE)
    if isinstance(error, ValidationError):
        return Stopped(" ".join(error.messages), ExitCode.WRONG_USE)
    if isinstance(error, RemoteError):
        refused = isinstance(error, RemoteRefused)
        return Stopped(error.sentence, ExitCode.REFUSED_BY_PLATFORM if refused else ExitCode.ERROR)
    if isinstance(error, UnusableContent | CannotSeal | CannotUnseal):
        return Stopped(str(error), ExitCode.ERROR)
    return _explain_database(error) if isinstance(error, DatabaseError) else None


def _explain_database(error: DatabaseError) -> CommandError | None:
    if isinstance(error, OperationalError):
        reason = str(error).strip().partition("\n")[0]
        return Stopped(f"The database cannot be reached: {reason}. Nothing was done.", ExitCode.ERROR)
    if isinstance(error, ProgrammingError) and "does not exist" in str(error):
        return Stopped(
            "The database lacks the console's tables. Nothing was done; run `manage.py migrate`.", ExitCode.ERROR
        )
    return None


class Progress:
    """One line on stderr that says how far long work has come: only on a terminal, gone when the work ends."""

    def __init__(self, stream: Any, *, shown: bool) -> None:
        self._stream = stream
        self._shown = shown and bool(getattr(stream, "isatty", lambda: False)())

    def say(self, sentence: str) -> None:
        """Replace the line."""
        if self._shown:
            self._stream.write(f"\r\x1b[2K{sentence}", ending="")
            self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.say("")


class TerminalCommand(BaseCommand, ABC):
    """A command with `--json`, exit codes and errors as sentences."""

    requires_system_checks = ()  # they are the tests' and doctor's work; at 3 a.m. a command answers at once
    as_json = False
    no_colour = False
    started_from_shell = False
    steps: "Sequence[str]" = ()
    """The words that may follow the command's name, where it has several jobs."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a process: errors become one line on stderr and the exit code."""
        self.started_from_shell = True
        self.as_json = "--json" in argv[2:]
        try:
            super().run_from_argv(argv)
        except CommandError as problem:
            # Only reading the words raises here; whatever the command itself met has ended the process.
            what = str(problem).removeprefix("Error: ").rstrip(".")
            asked = " ".join(["manage.py", *argv[1:2], *self._step_of(argv[2:]), "--help"])
            self._end(WrongUse(f"{what[:1].upper()}{what[1:]}. Nothing was done; {asked} says what can be written."))

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> "CommandParser":
        """Make the parser; what it refuses is raised, so that it too is one sentence and one document."""
        self._called_from_command_line = False
        return super().create_parser(prog_name, subcommand, **kwargs)

    def _step_of(self, words: "Sequence[str]") -> "Sequence[str]":
        """Give the step, such as `add` of `tenant add`, that the words begin with."""
        return [word for word in words[:1] if word in self.steps]

    def add_arguments(self, parser: "ArgumentParser") -> None:
        """Declare `--json`; a subclass adds its own."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document on stdout")

    def add_config_arguments(self, parser: "ArgumentParser") -> None:
        """Declare the two words that name a tracked config; `options["tenant"]` and `options["address"]` hold them."""
        # Two arguments: one with two words makes argparse fail where it should say that a word is missing.
        parser.add_argument("tenant", metavar="TENANT")
        parser.add_argument("address", metavar="TYPE:OBJECT_ID")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the command and turn its outcome into an exit code."""
        self.as_json = bool(options.pop("as_json", False))
        self.no_colour = bool(options.get("no_color"))
        try:
            with trail.acting_from("terminal"):
                code = self.run(**options)
        except BrokenPipeError:
            # Whoever read our output has seen enough (`show … | head`); the rest must not be written at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(int(ExitCode.DONE))
        except KeyboardInterrupt:
            self._end(Stopped("Stopped. What was already kept stays kept.", ExitCode.ERROR))
        except Exception as error:
            self._record_refusal(error)
            explained = None if options.get("traceback") else explain(error)
            if explained is None and (options.get("traceback") or not self.started_from_shell):
                raise
            self._end(
                explained
                or Stopped(
                    f"Unexpected error: {type(error).__name__}: {error}. Run again with --traceback to see where.",
                    ExitCode.ERROR,
                )
            )
        if code is not ExitCode.DONE:
            self.stdout.flush()
            sys.exit(int(code))

    def _record_refusal(self, error: Exception) -> None:
        """Let the trail say what somebody's roles did not allow, also where a rule of the command has named it anew."""
        refused = error if isinstance(error, access.Refused) else error.__cause__
        if isinstance(refused, access.Refused):
            with trail.acting_from("terminal"):
                name = type(self).__module__.rpartition(".")[2]
                refused_access.record(refused, user=refused.user, tried=f"manage.py {name}")

    @abstractmethod
    def run(self, **options: Any) -> ExitCode:
        """Do the command's work."""

    def _end(self, error: CommandError) -> NoReturn:
        if self.as_json:
            self.print_json({"error": str(error), "exit": int(error.returncode)})
        if not self.started_from_shell:
            raise error
        self.warn(str(error))
        sys.exit(int(error.returncode))

    def print_json(self, value: "Value") -> None:
        """Print the command's one document; every number as it was spelled."""
        self.stdout.write(to_text(value))

    def tell(self, sentence: str) -> None:
        """Say one line to people: on stdout, or on stderr when stdout holds the JSON document."""
        if self.as_json:
            self.warn(sentence)
        else:
            self.stdout.write(_line(sentence))

    def warn(self, sentence: str) -> None:
        """Say on stderr, in one line, what is not as it should be."""
        self.stderr.write(_line(sentence), lambda line: line)

    def progress(self) -> Progress:
        """Give a line of progress, shown only on a terminal."""
        return Progress(self.stderr, shown=not self.as_json)

    def paint(self, text: str, colour: str) -> str:
        """Give the text in one of `COLOURS` on a terminal, else as it is; `NO_COLOR` is honoured (no-color.org)."""
        if self.no_colour or os.environ.get("NO_COLOR") or not self.stdout.isatty():
            return text
        return f"{_PAINT}{COLOURS[colour]};{text}{_PAINT}0;"

    def table(self, heads: "Sequence[str]", rows: "Iterable[Sequence[str]]", *, numbers: "Sequence[int]" = ()) -> None:
        """Print columns under their heads, those of `numbers` flush right; escapes stand for what steers a terminal."""
        cells = [[visible(cell) for cell in row] for row in rows]
        widths = [max(len(line[n]) for line in [list(heads), *cells]) for n in range(len(heads))]
        for number, line in enumerate([list(heads), *cells]):
            text = "  ".join(
                cell.rjust(width) if column in numbers else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            self.tell(self.paint(text, "dim") if number == 0 else text)
