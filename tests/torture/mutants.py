"""Plant each bug of the list in the real code, and see the simulation catch it: the proof that its checker sees.

A checker that finds nothing wrong in ten thousand histories may be blind. So each bug of `planted` is put into the real
code, one at a time, in a process and a database of its own, and has to be caught within a thousand seeds. Afterwards
the code as it is plays the very histories in which bugs were caught: what breaks a promise there is no bug's doing.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import connection, connections

from tenants import aside
from tests.torture import planting
from tests.torture.planted import MUTANTS
from tests.torture.planting import SEEDS, Found, Mutant, Stale
from tests.torture.proofs import Report, Scale, Table, Tell

AT_ONCE: Final = 2
_CONTROLS: Final = {Scale.ROUND: 10, Scale.RELEASE: 500}
"""So many seeds of each way are played with the code as it is, besides those that showed a bug."""


def prove(scale: Scale, first_seed: int, tell: Tell) -> Report:
    """Search for each planted bug up to SEEDS: a round begins with its hint, a release with the first seed."""
    found: list[Found] = []
    hinted = ["--hint"] if scale is Scale.ROUND else []
    arguments = ("--first", str(first_seed), *hinted)
    with template() as name, ThreadPoolExecutor(AT_ONCE) as pool:
        for one in pool.map(lambda mutant: planting.search(mutant, *arguments, template=name), MUTANTS):
            found.append(one)
            tell(f"{len(found)} of {len(MUTANTS)} planted bugs")
        played = controls(MUTANTS, found, further=range(first_seed, first_seed + _CONTROLS[scale]))
        halves = [sorted(played)[half::AT_ONCE] for half in range(AT_ONCE)]
        tell(f"the code as it is, {len(played)} histories")
        clean = list(pool.map(lambda half: planting.search(None, "--only", json.dumps(half), template=name), halves))
    return report(MUTANTS, found, clean, played=len(played))


def controls(mutants: Sequence[Mutant], found: Sequence[Found], *, further: range) -> set[tuple[str, int]]:
    """Give the histories that the code as it is has to play: those that showed a bug, and more of each way."""
    ways = {mutant.way for mutant in mutants}
    shown = {(mutant.way, one.seed) for mutant, one in zip(mutants, found, strict=True) if one.seed is not None}
    return {*shown, *itertools.product(ways, further)}


def report(
    mutants: Sequence[Mutant],
    found: Sequence[Found],
    clean: Sequence[Found],
    *,
    played: int,
) -> Report:
    """Say which bug was caught at which seed and how, and whether anything was caught where none was planted."""
    broken = [
        f"the bug “{mutant.name}” was not caught: {one.problem or f'{one.tried:,} histories broke no promise'}"
        for mutant, one in zip(mutants, found, strict=True)
        if one.seed is None
    ]
    broken += [
        f"the code as it is, {one.problem or f'seed {one.seed}: {one.said[0]}'}"
        for one in clean
        if one.problem or one.seed
    ]
    caught = len(mutants) - sum(one.seed is None for one in found)
    return Report(
        tried=f"{len(mutants)} bugs, each planted in the real code by itself, in a process and a database of its own; "
        f"{caught} were caught. The code as it is played {played:,} histories, those that "
        "showed the bugs among them.",
        broken=broken,
        tables=[
            Table(
                "Planted bugs",
                ("mutant", "what it breaks", "way", "caught at seed", "histories until then", "by"),
                [
                    (mutant.name, mutant.breaks, mutant.way, one.seed or "not", one.tried, (one.said or ("",))[0])
                    for mutant, one in zip(mutants, found, strict=True)
                ],
            )
        ],
        bound=f"Every bug of the list is caught within {SEEDS:,} seeds; what no bug of the list is like is not shown."
        if caught == len(mutants)
        else f"{caught} of {len(mutants)} were caught within {SEEDS:,} seeds.",
    )


@contextlib.contextmanager
def template() -> Iterator[str]:
    """Give the name of the migrated database in use, and leave it alone, so that it can be copied."""
    name: str = connection.settings_dict["NAME"]
    aside.close()
    connections.close_all()
    yield name


def stale(mutants: Sequence[Mutant] = MUTANTS) -> list[str]:
    """Say of each bug that can no longer be planted what has changed under it."""
    said = []
    for mutant in mutants:
        try:
            planting.check(mutant)
        except (Stale, SyntaxError) as error:
            said.append(f"{mutant.name}: {error}")
    return said
