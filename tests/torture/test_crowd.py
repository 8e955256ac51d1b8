"""Eight people's requests arrive at once at one object while others write it; each page says what happened."""

from pathlib import Path

import pytest

from tests.torture.cluster import machines
from tests.torture.crowd import SAYS_SO, crowd, report
from tests.torture.ground import ground

pytestmark = pytest.mark.django_db(transaction=True)


def test_eight_requests_at_once_on_one_object_leave_one_open_attempt_and_no_error_page(
    database_url: str, tmp_path: Path
) -> None:
    with machines(tmp_path, database_url=database_url) as running, ground() as here:
        figures = crowd(here, running, rounds=1, people=8, tell=lambda _: None, web_settings="tests.settings")
    assert figures.broken == []
    assert sum(figures.answers.values()) == 8
    assert figures.most_open <= 1
    assert figures.foreign == 4
    assert sum(figures.ended.values()) >= 6
    assert "8 answers" in report(figures).tried


def test_a_page_that_says_nothing_of_the_form_is_told_from_one_that_does() -> None:
    assert not SAYS_SO.search('<main><div class="banner"><p>Waiting for approval.</p></div></main>')
    assert SAYS_SO.search('<ul class="messagelist">\n <li class="success" role="status">You approved it.</li></ul>')
    problem = '<div class="banner danger" role="alert"><svg></svg><div><strong>That was not done.</strong><p>'
    assert SAYS_SO.search(f"{problem}It has ended already.</p>")
