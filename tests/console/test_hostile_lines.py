"""No text that somebody sends forges a line of the log or steers the terminal that shows it."""

import io
import logging

import pytest

from console import logs
from tests.walk import hostile


@pytest.mark.parametrize("readable", [True, False])
def test_nothing_that_is_logged_forges_a_line_or_steers_a_terminal(readable: bool) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    formatter = logs.configuration(readable=readable)["formatters"]["lines"]
    made = formatter.pop("()")
    handler.setFormatter(made(**formatter))
    for text in (one.encode("utf-8", "replace").decode() for one in (*hostile.OURS, *hostile.public())):
        before = len(written.getvalue())
        said = "A sign-in of %s was refused."
        record = logging.LogRecord("console", logging.WARNING, __file__, 1, said, (text,), None)
        record.who = text
        handler.emit(record)
        line = written.getvalue()[before:]
        assert line.count("\n") == 1, repr(line)
        assert len(line.splitlines()) == 1, repr(line)
        assert not set(line[:-1]) & set("\x00\x07\x1b\x9b\u202e\u2066\u2067\r"), repr(line)
