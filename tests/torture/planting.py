"""Plant a bug in the real code and see whether the simulation's checker catches it.

A bug is one exact text in the place of another in the source of a module, put there while a process of its own imports
that module for the first time, so that everybody who uses it gets the planted one. A text that is not found exactly
once is stale, and whoever changed the code is told which bug has to be planted anew. That process has a copy of the
scratch database to itself, plays seed after seed, and stops at the first history in which a promise is broken.

    python -m tests.torture.planting MUTANT [--first 1] [--seeds 1000] [--database TEMPLATE]

prints one line of JSON; without a name it plays the code as it is (the control).
"""

import argparse
import ast
import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[2]
SEEDS: Final = 1000
"""Within so many seeds a planted bug has to be caught."""


class Stale(Exception):
    """The code has changed where a bug was to be planted: the bug has to be written anew."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One exact text of a module's source, and what stands in its place."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One planted bug."""

    name: str
    breaks: str
    """What it does wrong, in words for the table."""
    patches: Sequence[Patch]
    sql: Sequence[str] = ()
    """What it takes away from the database that would catch it first."""
    hint: int
    """A seed that has shown it; when it does so no more, the search goes on."""
    way: str = "plain"
    """How its histories are played: `simulation.play` names the ways."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    mutant: str
    seed: int | None
    """The first seed whose history broke a promise; None for none."""
    said: Sequence[str] = field(default_factory=tuple)
    tried: int = 0
    seconds: float = 0.0
    problem: str = ""
    """Why the search itself came to no end."""


def path_of(module: str) -> Path:
    """Give where the source of a module of this repository is."""
    return _ROOT.joinpath(*module.split(".")).with_suffix(".py")


def planted_source(module: str, patches: Iterable[Patch]) -> str:
    """Give a module's source with these bugs in it; raises Stale."""
    source = path_of(module).read_text("utf-8")
    for patch in patches:
        found = source.count(patch.old)
        if found != 1:
            times = "nowhere" if found == 0 else f"{found} times"
            raise Stale(f"{module} has this text {times}, and a bug was to be planted in it: {patch.old!r}")
        source = source.replace(patch.old, patch.new)
    return source


def check(mutant: Mutant) -> None:
    """Raise Stale, or SyntaxError, unless each of a mutant's texts is where it should be and makes other code of it."""
    for module, patches in _by_module(mutant.patches).items():
        before = ast.parse(path_of(module).read_text("utf-8"))
        planted = planted_source(module, patches)
        compile(planted, module, "exec", dont_inherit=True)
        if ast.dump(before) == ast.dump(ast.parse(planted)):
            raise Stale(f"{module} is the same code with the bug {mutant.name!r} in it.")


def _by_module(patches: Iterable[Patch]) -> dict[str, list[Patch]]:
    gathered: dict[str, list[Patch]] = {}
    for patch in patches:
        gathered.setdefault(patch.module, []).append(patch)
    return gathered


class _PlantedLoader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, patches: Sequence[Patch]) -> None:
        super().__init__(fullname, path)
        self._patches = patches

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(planted_source(fullname, self._patches), self.path, "exec", dont_inherit=True)
        return code


class _Gardener(MetaPathFinder):
    """Finds the modules that are to have a bug, before anybody else finds them."""

    def __init__(self, patches: Mapping[str, Sequence[Patch]]) -> None:
        self._patches = patches

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._patches:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            return None
        spec.loader = _PlantedLoader(fullname, spec.origin, self._patches[fullname])
        return spec


def plant(mutant: Mutant) -> None:
    """Have the bug in every import from here on; this process must not have imported those modules yet."""
    by_module = _by_module(mutant.patches)
    if early := sorted(set(by_module) & set(sys.modules)):
        message = f"{early[0]} was imported before the bug could be planted in it."
        raise RuntimeError(message)
    sys.meta_path.insert(0, _Gardener(by_module))


# In the process of its own


def main() -> int:
    """Plant the named bug, play until it is caught, and print what came of it."""
    from tests.torture.planted import MUTANTS  # noqa: PLC0415 - the list imports this module

    parser = argparse.ArgumentParser(prog="python -m tests.torture.planting")
    names = {mutant.name: mutant for mutant in MUTANTS}
    parser.add_argument("mutant", nargs="?", choices=sorted(names), help="which; none plays the code as it is")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", type=json.loads, default=[], help="play just these: [[way, seed], ...]")
    parser.add_argument("--hint", action="store_true", help="begin with the seed that has shown it before")
    parser.add_argument("--database", default="", help="copy this one, which is migrated; without it, make one")
    options = parser.parse_args()
    mutant = names.get(options.mutant)
    if mutant is not None:
        plant(mutant)
    ways = [(str(way), int(seed)) for way, seed in options.only]
    if not ways:
        way = mutant.way if mutant is not None else "plain"
        hinted = [mutant.hint] if mutant is not None and options.hint else []
        ways = [(way, seed) for seed in hinted] + [
            (way, seed) for seed in range(options.first, options.first + options.seeds) if seed not in hinted
        ]
    found = _play(mutant, ways, template=options.database)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def _play(mutant: Mutant | None, ways: Sequence[tuple[str, int]], *, template: str) -> dict[str, Any]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django  # noqa: PLC0415 - only now may the console's modules be imported

    django.setup()
    logging.disable(logging.CRITICAL)
    from django.db import connection  # noqa: PLC0415

    from tests.scratch_database import scratch_database  # noqa: PLC0415
    from tests.torture import simulation, stage  # noqa: PLC0415

    began = time.perf_counter()
    tried = 0
    with _copied_database(template) if template else scratch_database("planting"):
        with connection.cursor() as cursor:
            for statement in mutant.sql if mutant is not None else ():
                cursor.execute(statement)
        if mutant is not None and (missing := sorted(set(_by_module(mutant.patches)) - set(sys.modules))):
            return {"seed": None, "problem": f"{missing[0]} was never imported, so the bug was not there."}
        try:
            for way, seed in ways:
                tried += 1
                outcome = simulation.play(seed, way=way)
                if outcome.broken:
                    seconds = time.perf_counter() - began
                    return {"seed": seed, "said": outcome.broken, "tried": tried, "seconds": seconds}
        finally:
            stage.dismiss()
    return {"seed": None, "tried": tried, "seconds": time.perf_counter() - began}


@contextlib.contextmanager
def _copied_database(template: str) -> Iterator[None]:
    """Point the default connection at a copy of a migrated database that nobody is connected to."""
    from django.db import connection, connections  # noqa: PLC0415

    from console import embedded  # noqa: PLC0415
    from tenants import aside  # noqa: PLC0415

    embedded.ensure_running()
    name = f"{template}_{os.getpid()}"
    quote = connection.ops.quote_name
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quote(name)} TEMPLATE {quote(template)}")
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        aside.close()
        connections.close_all()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {quote(name)} WITH (FORCE)")


# From outside


def search(mutant: Mutant | None, *arguments: str, template: str = "") -> Found:
    """Let a process of its own look for the first seed that shows a bug; give what it found."""
    name = mutant.name if mutant is not None else ""
    command = [sys.executable, "-m", "tests.torture.planting", *([name] if name else []), *arguments]
    ended = subprocess.run(
        [*command, *(["--database", template] if template else [])],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        return Found(name, None, problem=ended.stderr.strip().rpartition("\n")[2][:500])
    return Found(mutant=name, **json.loads(ended.stdout.splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(main())
