from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.documents import InvalidDocument, Limits, Number, Value, load, to_text
from tests.tenants.documents.corpora import corpus, values

# What JSONTestSuite says a parser must accept and PROTOCOL.md ("Bytes") refuses all the same.
DOCUMENTED_REFUSALS = {
    "y_object_duplicated_key.json": "appears twice",
    "y_object_duplicated_key_and_value.json": "appears twice",
    "y_object_escaped_null_in_key.json": "NUL",
    "y_string_null_escape.json": "NUL",
}


def test_numbers_keep_their_spelling_and_compare_by_value() -> None:
    value = load(b'{"minConfidence": 1.50, "limit": 1E2, "offset": -0, "version": 42, "big": 90071992547409931}')
    assert isinstance(value, dict)
    assert [str(member) for member in value.values()] == ["1.50", "1E2", "-0", "42", "90071992547409931"]
    assert value == {
        "minConfidence": Number("15e-1"),
        "limit": 100,
        "offset": 0,
        "version": 42,
        "big": 90071992547409931,
    }
    assert hash(value["limit"]) == hash(100)
    assert value["big"] != 90071992547409930
    assert Number("-1.5") != Number("1.5")
    assert Number("1.0") != "1.0"
    assert Number("1e999999999") != 10
    assert Number("1e-1") not in (0, 1, Number("1"))


@given(st.integers(-(10**30), 10**30), st.integers(0, 30))
def test_a_number_equals_and_hashes_as_the_integer_of_its_value(integer: int, zeros: int) -> None:
    for spelling in (f"{integer}.{'0' * (zeros + 1)}", f"{integer}e0", f"{integer}{'0' * zeros}E-{zeros}"):
        assert Number(spelling) == integer
        assert integer == Number(spelling)
        assert hash(Number(spelling)) == hash(integer)
        assert Number(spelling) != integer + 1


@pytest.mark.parametrize("spelling", ["", "01", "1.", ".5", "+1", "0x1", "1e", "NaN", "١", "1 "])
def test_a_number_of_another_grammar_is_refused(spelling: str) -> None:
    with pytest.raises(ValueError, match="not the spelling of a JSON number"):
        Number(spelling)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b'{"a": 1,\n "a": 2}', 'the key "a" appears twice in one object (line 2, column 2)'),
        (b'{"a": 1, "\\u0061": 2}', 'the key "a" appears twice in one object (line 1, column 10)'),
        (b'[{"x": {"k": 1, "k": []}}]', 'the key "k" appears twice in one object (line 1, column 17)'),
        (b'{"a": [1, NaN]}', "NaN is not a JSON value (line 1, column 11)"),
        (b"-Infinity", "-Infinity is not a JSON value (line 1, column 1)"),
        (b'{"NaN": Infinity}', "Infinity is not a JSON value (line 1, column 9)"),
        (b'["a\\u0000b"]', "a string holds the NUL character (\\u0000), which cannot be stored (line 1, column 4)"),
        (b'{"\\u0000": 1}', "a string holds the NUL character (\\u0000), which cannot be stored (line 1, column 3)"),
        (b'["a\x00b"]', "a string holds a control character that must be escaped (line 1, column 4)"),
        (b'["\\ud83d!"]', "a string holds \\ud83d, half of a surrogate pair, which is no character (line 1, column 3)"),
        (b'["\\uDE00\\uD83D"]', "a string holds \\uDE00, half of a surrogate pair"),
        (b"\xef\xbb\xbf{}", "it begins with a byte order mark, which RFC 8259 does not allow (line 1, column 1)"),
        (b'{"name": "Caf\xe9"}', "the byte 0xE9 at offset 13 is not UTF-8 (line 1, column 14)"),
        ('{"ä":\r\n "'.encode() + b'\xff"}', "the byte 0xFF at offset 10 is not UTF-8 (line 2, column 3)"),
        (b'["\xed\xa0\x80"]', "the byte 0xED at offset 2 is not UTF-8"),
        (b"", "The document was not accepted: it is empty."),
        (b" \r\n\t", "The document was not accepted: it holds nothing but white space."),
        (b'{"a": 1,}', "(line 1, column "),
        (b"{'a': 1}", "a key in double quotes is missing (line 1, column 2)"),
        (b"[1 2]", "a comma or a closing bracket is missing (line 1, column 4)"),
        (b"{} {}", "something follows after the end of the document (line 1, column 4)"),
        (b"[" + b"9" * 5000 + b"]", f"the number {'9' * 30}… has 5,000 characters, more than the 1,000 that are read"),
        (b"[-0." + b"9" * 5000 + b"]", "has 5,003 characters, more than the 1,000 that are read (line 1, column 2)"),
        (b"[1e" + b"9" * 5000 + b"]", "has 5,002 characters, more than the 1,000 that are read (line 1, column 2)"),
    ],
)
def test_what_is_refused_is_named_with_its_place(raw: bytes, sentence: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        load(raw)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("The document was not accepted: ")
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "raw",
    [
        b'["\\ud83d\\ude00"]',
        b'["\\\\u0000", "\\\\ud83d", "\\\\\\\\ud83d"]',
        b'{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}]}',
        b'{"NaN": "NaN", "n": "-Infinity", "brackets": "[[[[{{{{"}',
        b' \r\n{"a":1}\t',
    ],
)
def test_what_only_looks_forbidden_is_accepted(raw: bytes) -> None:
    assert load(raw) == json.loads(raw)


def test_sixty_four_levels_are_read_and_one_more_is_refused_however_deep() -> None:
    assert load(b"[" * 64 + b"]" * 64) is not None
    assert load(b'{"a":' * 63 + b"[]" + b"}" * 63) is not None
    for raw in (
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 64 + b"[]" + b"}" * 64,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ):
        with pytest.raises(InvalidDocument, match="nested deeper than 64 levels") as caught:
            load(raw)
        assert caught.value.line == 1


def test_the_size_limit_counts_bytes_and_can_be_set() -> None:
    raw = '{"name": "Führung"}'.encode()
    assert load(raw, limits=Limits(size=len(raw))) == {"name": "Führung"}
    with pytest.raises(InvalidDocument, match=r"it has 20 bytes, more than the 19 that are read\.$") as caught:
        load(raw, limits=Limits(size=len(raw) - 1))
    assert (caught.value.line, caught.value.column) == (None, None)


def test_the_json_test_suite_is_judged_as_it_says() -> None:
    wrong = []
    for path in sorted(corpus("corpora", "JSONTestSuite", "test_parsing").glob("*.json")):
        try:
            load(path.read_bytes())
        except InvalidDocument as refused:
            expected = DOCUMENTED_REFUSALS.get(path.name)
            if path.name.startswith("y_") and (expected is None or expected not in refused.reason):
                wrong.append(f"{path.name}: {refused}")
        else:
            if path.name.startswith("n_") or path.name in DOCUMENTED_REFUSALS:
                wrong.append(f"{path.name}: accepted")
    assert wrong == []


def test_the_transformations_of_the_json_test_suite_are_exact_or_refused() -> None:
    for path in sorted(corpus("corpora", "JSONTestSuite", "test_transform").glob("*.json")):
        raw = path.read_bytes()
        try:
            value = load(raw)
        except InvalidDocument:
            continue
        assert load(to_text(value).encode()) == value
        if path.name.startswith("number_"):
            assert to_text(value) == raw.decode().strip()


def test_every_naughty_string_survives() -> None:
    raw = corpus("corpora", "big-list-of-naughty-strings", "blns.json").read_bytes()
    value = load(raw)
    assert isinstance(value, list)
    assert len(value) > 250
    assert value == json.loads(raw)
    assert load(to_text(value).encode()) == value


@given(values)
def test_text_of_a_value_reads_back_as_the_value_with_every_spelling(value: Value) -> None:
    text = to_text(value)
    again = load(text.encode())
    assert again == value
    assert to_text(again) == text


def test_a_lone_surrogate_made_by_hand_has_no_text() -> None:
    for text in ("\udfffNumber:1", "\ud800"):
        with pytest.raises(ValueError, match="surrogate"):
            to_text([Number("1.5"), text]).encode()


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_a_sentence(raw: bytes) -> None:
    try:
        load(raw)
    except InvalidDocument as refused:
        sentence = str(refused)
        assert sentence.endswith(".")


@given(st.text(alphabet='{}[]",:0123456789-.eEtrufalsn\\ \n', max_size=40))
def test_whatever_is_accepted_the_standard_parser_accepts_too(text: str) -> None:
    try:
        value = load(text.encode())
    except InvalidDocument:
        return
    assert load(to_text(value).encode()) == value
    json.loads(text)


def test_a_document_of_five_megabytes_is_read_in_about_a_second() -> None:
    rule = {"id": "6b0d549b", "name": "Refund request", "enabled": True, "minConfidence": 0.55, "priority": 3}
    raw = json.dumps({"rules": [rule] * 50_000}).encode()
    assert len(raw) > 4_500_000
    began = time.thread_time()
    load(raw)
    # Of our own time, and generous: it takes about a quarter of a second.
    assert time.thread_time() - began < 3
