"""The pure parts of taking in everything: what a person types, what is estimated, how the bar is drawn."""

import io

import pytest

from tenants import choosing
from tenants.estimating import Pace
from tenants.progress_bar import ProgressBar, drawn
from tests.tenants.running import Terminal


@pytest.mark.parametrize(
    ("typed", "numbers"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("all", [1, 2, 3, 4, 5]),
        (" ALL ", [1, 2, 3, 4, 5]),
        ("none", []),
        ("q", []),
        ("3", [3]),
        ("1,3-5", [1, 3, 4, 5]),
        ("4 2 2", [2, 4]),
        ("2 - 4, 1", [1, 2, 3, 4]),
    ],
)
def test_numbers_and_ranges_choose_from_the_list(typed: str, numbers: list[int]) -> None:
    assert choosing.chosen(typed, count=5) == numbers


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("6", "no number 6 in the list: it has 1 to 5"),
        ("0-2", "no number 0"),
        ("4-2", "runs backwards. Write it as 2-4"),
        ("queues", "'queues' is no number"),
        ("1;2", "'1;2' is no number"),
        ("-3", "'-3' is no number"),
    ],
)
def test_what_chooses_nothing_is_told_in_a_sentence(typed: str, sentence: str) -> None:
    with pytest.raises(choosing.NotAChoice, match=sentence):
        choosing.chosen(typed, count=5)


@pytest.mark.parametrize(
    ("requests", "minutes", "words"),
    [
        (0, 0, "nothing is left to be read"),
        (1, 1, "about 1 request: less than a minute at 240 a minute (of 300; the rest is kept for rollbacks)"),
        (240, 1, "about 240 requests: 1 minute at 240 a minute (of 300; the rest is kept for rollbacks)"),
        (12_001, 51, "about 12,001 requests: 51 minutes at 240 a minute (of 300; the rest is kept for rollbacks)"),
    ],
)
def test_an_estimate_is_rounded_up_to_whole_minutes(requests: int, minutes: int, words: str) -> None:
    pace = Pace(a_minute=240, of=300)
    assert pace.minutes(requests) == minutes
    assert pace.in_words(requests) == words


def test_a_bar_says_how_far_it_is_and_how_long_it_takes_still() -> None:
    assert drawn(0, 8, seconds=0, label="Queue", columns=80) == "░" * 24 + " 0/8  Queue"
    assert drawn(2, 8, seconds=20, label="Queue", columns=80) == "█" * 6 + "░" * 18 + " 2/8 60 s left  Queue"
    assert drawn(2, 8, seconds=60, label="Queue", columns=80) == "█" * 6 + "░" * 18 + " 2/8 3 min left  Queue"
    assert drawn(8, 8, seconds=90, label="", columns=80) == "█" * 24 + " 8/8"
    assert len(drawn(1, 2, seconds=5, label="x" * 300, columns=60)) == 59
    assert "\x1b" not in drawn(1, 2, seconds=5, label="\x1b[2J", columns=60)


def told(stream: io.StringIO, *, shown: bool = True) -> str:
    with ProgressBar(Writes(stream), what="Objects read", shown=shown, clock=lambda: 0.0) as bar:
        for done in range(201):
            bar.tell(done, 200, f"Queue {done}")
    return stream.getvalue()


class Writes:
    """A stream as commands have it: it takes a style and an ending."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def isatty(self) -> bool:
        return self._stream.isatty()

    def flush(self) -> None:
        self._stream.flush()

    def write(self, text: str, _style: object = None, ending: str = "\n") -> None:
        self._stream.write(text + ending)


def test_a_terminal_gets_one_line_that_changes_and_is_gone_at_the_end() -> None:
    shown = told(Terminal())
    assert "\n" not in shown
    assert shown.endswith("200/200  Queue 200\r\x1b[2K")


def test_elsewhere_ten_plain_lines_tell_the_whole_way() -> None:
    lines = told(io.StringIO()).splitlines()
    assert len(lines) == 10
    assert (lines[0], lines[-1]) == ("Objects read: 20 of 200", "Objects read: 200 of 200")


def test_a_silent_bar_writes_nothing() -> None:
    assert told(Terminal(), shown=False) == ""
