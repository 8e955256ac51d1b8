#!/usr/bin/env python
"""Run the console's commands; `python manage.py help` lists them."""

import os
import sys
from importlib import import_module
from pathlib import Path

# These need no database, or start it themselves when they know what they will do.
WITHOUT_DATABASE = frozenset(
    {
        "",
        "check",
        "collectstatic",
        "compilemessages",
        "demo",
        "diffsettings",
        "doctor",
        "findstatic",
        "help",
        "makemessages",
        "practice",
        "version",
    }
)


def main() -> None:
    """Hand the command line to Django; refuse what cannot work with a sentence and exit code 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    from console import embedded, env  # noqa: PLC0415 - the settings are named first

    command = next(iter(sys.argv[1:]), "")
    if not command.startswith("-"):
        # A command is a module, whose name has no hyphen: as-of is as_of.
        sys.argv[1:2] = [command := command.replace("-", "_")] if command else []
    asks_for_help = command.startswith("-") or "--help" in sys.argv or "-h" in sys.argv
    if command == "demo":
        with env.refusing_by_name():
            env.for_demo(os.environ, default_data_dir=Path(__file__).resolve().parent / "var")
    # Before Django does, which would go on with some commands after a refusal.
    import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    if command not in WITHOUT_DATABASE and not asks_for_help:
        try:
            embedded.ensure_running()
        except embedded.DatabaseUnavailable as problem:
            sys.exit(str(problem))
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - after the settings are read

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
