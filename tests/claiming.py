"""Let several runs of pytest share all tests by files: each takes the next file that no other run has taken.

A plugin: `pytest -p tests.claiming` with the folder of the claims in TESTS_CLAIMS. So no run is left with the slow
files, whichever these are.
"""

import itertools
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run the tests of the files that this run could claim, in the order in which they were collected."""
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    claimed = _claimed(session.items, Path(os.environ["TESTS_CLAIMS"]))
    # One is looked up ahead: pytest keeps the fixtures that the next test wants too.
    for item, following in itertools.pairwise(itertools.chain(claimed, [None])):
        assert item is not None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
    return True


def _claimed(items: list[pytest.Item], folder: Path) -> Iterator[pytest.Item]:
    mine: dict[Path, bool] = {}
    for item in items:
        if item.path not in mine:
            mine[item.path] = _claim(folder / sha256(str(item.path).encode()).hexdigest())
        if mine[item.path]:
            yield item


def _claim(name: Path) -> bool:
    try:
        name.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
