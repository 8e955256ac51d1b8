"""Let a run of pytest collect all tests once and then share them with copies of itself.

A plugin: `pytest -p tests.claiming`, with so many runs in TESTS_RUNS and a folder for the claims and for what the
copies say (`run-2`, `run-3`, ...) in TESTS_FOLDER. Imports and collection cost as much as hundreds of tests, so they
are done before the run is forked. All of them have the same tests in the same order; each takes the next file that no
other one has taken. The first alone takes the files that drive a browser, and begins with them, so that one browser is
started and not one in each run. Whoever finds no file left takes single tests from the ends of those that the others
are at, so that no run is left with a slow file.
"""

import gc
import itertools
import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

_COPIES = pytest.StashKey[list[int]]()


class _Next:
    """The test after this one, claimed no earlier than pytest asks for it: when this one is done."""

    def __init__(self, claimed: Iterator[pytest.Item]) -> None:
        self._claimed = claimed
        self._found: list[pytest.Item | None] = []

    def item(self) -> pytest.Item | None:
        if not self._found:
            self._found.append(next(self._claimed, None))
        return self._found[0]

    def __bool__(self) -> bool:
        return self.item() is not None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.item(), name)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run the tests that this run could claim, in the order in which they were collected."""
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    folder = Path(os.environ["TESTS_FOLDER"])
    number = _fork(session.config, folder, runs=int(os.environ["TESTS_RUNS"]))
    claimed = _claimed(session.items, folder, first=number == 1)
    item = next(claimed, None)
    while item is not None:
        following = _Next(claimed)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following.item()
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Wait for the copies at the end of the first run, which ends as badly as the worst of them."""
    yield
    for copy in session.config.stash.get(_COPIES, []):
        _, status = os.waitpid(copy, 0)
        code = os.waitstatus_to_exitcode(status)
        session.exitstatus = max(int(session.exitstatus), code if code >= 0 else pytest.ExitCode.INTERNAL_ERROR)


def _fork(config: pytest.Config, folder: Path, *, runs: int) -> int:
    """Make the copies and give the number of this run; each but the first says what it says to a file."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    # The files that output is captured in would be one for all of them.
    capture.stop_global_capturing()
    sys.stdout.flush()
    sys.stderr.flush()
    gc.freeze()
    copies: list[int] = []
    number = 1
    for other in range(2, runs + 1):
        copy = os.fork()
        if copy == 0:
            number, copies = other, []
            with (folder / f"run-{number}").open("wb") as said:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
            break
        copies.append(copy)
    config.stash[_COPIES] = copies
    capture.start_global_capturing()
    capture.suspend_global_capture()
    return number


def _claimed(items: list[pytest.Item], folder: Path, *, first: bool) -> Iterator[pytest.Item]:
    def is_mine(*name: int) -> bool:
        try:
            (folder / "-".join(map(str, name))).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    path: Callable[[pytest.Item], Path] = lambda item: item.path  # noqa: E731
    blocks = sorted(([*block] for _, block in itertools.groupby(items, path)), key=lambda block: not _in_browser(block))
    for number, block in enumerate(blocks):
        if (first or not _in_browser(block)) and is_mine(number):
            yield from (item for place, item in enumerate(block) if is_mine(number, place))
    for number, block in reversed([*enumerate(blocks)]):
        yield from (item for place, item in reversed([*enumerate(block)]) if is_mine(number, place))


def _in_browser(block: list[pytest.Item]) -> bool:
    return block[0].get_closest_marker("browser") is not None
