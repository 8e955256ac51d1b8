"""A tenant's pattern of tickets cannot be made to hang the console, and a ticket cannot lead anywhere else."""

import re

import pytest
from django.core.exceptions import ValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from tenants import tickets


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("CHG[0-9]{7}", "CHG0012345", "CHG001234"),
        ("(CHG|INC|RITM)[0-9]{7,9}", "RITM00123456", "PRB0012345"),
        (r"[A-Z][A-Z0-9]+-\d+", "OPS2-118", "ops2-118"),
        (r"#\d{1,6}", "#4711", "4711"),
        (r"OPS/[\w.-]*", "OPS/a.b-c", "OPS/ä"),
        ("", "whatever", None),
    ],
)
def test_patterns_of_ticket_systems_match_whole_tickets(pattern: str, good: str, bad: str | None) -> None:
    tickets.check_pattern(pattern)
    assert tickets.matches(pattern, good)
    if bad is not None:
        assert not tickets.matches(pattern, bad)
        assert not tickets.matches(pattern, f"{good}\n")
        assert not tickets.matches(pattern, f"see {good}")
        assert not tickets.matches(pattern, "")


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|a)*b",
        "((a)b)",
        "(?:a)",
        "(?P<x>a)",
        r"(a)\1",
        "a*a*a*b",
        "(a|b)(a|b)(a|b)(a|b)",
        "(a|b|c|d|e|f|g|h|i|j|k)",
        "a{1,101}",
        "a{3,2}",
        "a{,2}",
        "a**",
        "(a",
        "a)",
        "[a",
        "[]a]",
        "[^a]",
        "[z-a]",
        "^a$",
        "\\",
        "é",
        "a\nb",
        "a" * 101,
    ],
)
def test_anything_beyond_the_safe_part_is_refused_in_a_sentence(pattern: str) -> None:
    with pytest.raises(ValidationError) as refused:
        tickets.check_pattern(pattern)
    assert refused.value.messages[0].endswith(".")


@given(
    st.text(alphabet="aA0-[](){}|?*+,.\\d1", max_size=40), st.text(alphabet="aA0-d1", max_size=tickets.LONGEST_TICKET)
)
@example("a*a*(a|a|a)(a|a|a)(a|a|a|a)", "a" * 99 + "b")
@example("[a-a]+a{0,100}", "a" * 99 + "b")
def test_what_is_accepted_compiles_and_comes_to_an_end(pattern: str, ticket: str) -> None:
    try:
        tickets.check_pattern(pattern)
    except ValidationError:
        return
    assert tickets.matches(pattern, ticket) == (not pattern or bool(re.fullmatch(pattern, ticket, re.ASCII)))


def test_a_ticket_is_only_ever_the_last_word_of_its_address() -> None:
    address = "https://jira.example.com/browse/{ticket}"
    tickets.check_address(address)
    assert tickets.link_to(address, "OPS-118") == "https://jira.example.com/browse/OPS-118"
    assert tickets.link_to(address, "../admin?x=1#y") == "https://jira.example.com/browse/..%2Fadmin%3Fx%3D1%23y"
    assert tickets.link_to(address, "..") == tickets.link_to(address, "") == tickets.link_to("", "OPS-118") == ""


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert('{ticket}')",
        "jira.example.com/{ticket}",
        "https://jira.example.com/browse/",
        "https://{ticket}.example.com/",
        "https://user@jira.example.com/{ticket}",
        "https://jira.example.com/{ticket}/{ticket}",
        "https://jira.example.com/a b/{ticket}",
        "https://jira.example.com/é/{ticket}",
        "https://[jira/{ticket}",
    ],
)
def test_an_address_that_leads_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        tickets.check_address(address)
