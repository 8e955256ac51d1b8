"""Where the corpora that nobody here wrote are found, and values for property tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import strategies as st

from tenants.documents import Number, Value

SHARED = Path(__file__).resolve().parents[3].parent / "shared"


def corpus(*parts: str) -> Path:
    """Give a folder or file beside the checkout, or skip the test and say what is missing."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"The corpus {'/'.join(parts)} is not beside this checkout (../shared).")
    return path


# Text as PostgreSQL and JSON can both hold it: no lone surrogates, no NUL.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
spellings = st.from_regex(r"\A-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,4})?\Z")
numbers = st.one_of(
    st.integers(),
    spellings.filter(lambda text: not text.lstrip("-").isdigit()).map(Number),
    st.sampled_from([Number("-0"), Number("1.50"), Number("15e-1"), Number("1E2"), 100, Number("1e400"), 10**400]),
)
scalars: st.SearchStrategy[Value] = st.one_of(st.none(), st.booleans(), numbers, texts)
values: st.SearchStrategy[Value] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(texts, inner, max_size=6)),
    max_leaves=25,
)
