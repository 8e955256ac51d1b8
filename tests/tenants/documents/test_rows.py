from __future__ import annotations

import copy
import sys
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.documents import (
    InvalidDocument,
    Row,
    Section,
    Value,
    compare,
    load,
    pretty,
    side_by_side,
    unified,
    visible,
)
from tests.tenants.documents.corpora import corpus, texts, values

BEFORE = load(
    b"""{"id": "907a", "version": 41, "description": "Canned answers.",
    "transcription": {"engine": "genesys", "lowLatency": true},
    "suggestions": {"maxPerUtterance": 3, "fallback": {"type": "none"}, "extra": {}},
    "rules": [
      {"id": "r1", "name": "Refund request", "knowledge": {"minConfidence": 0.70, "maxSuggestions": 3}},
      {"id": "r2", "name": "Upgrade offer", "tags": []},
      {"id": "r3", "name": "Password reset", "steps": ["a", "b", "c", "d", "e", "f", "g", "h"]},
      {"id": "r4", "name": "Complaint", "steps": ["a", "b", "c", "d", "e", "f", "g", "h"]}],
    "tags": ["billing", "emea", "tier-1"]}"""
)
AFTER = load(
    b"""{"id": "907a", "version": 42, "description": "Scripted answers.",
    "transcription": {"engine": "genesys", "lowLatency": true},
    "suggestions": {"maxPerUtterance": 3, "fallback": {"type": "message", "text": "No suggestion"}, "extra": [1]},
    "rules": [
      {"id": "r4", "name": "Complaint", "steps": ["a", "b", "c", "d", "e", "f", "g", "h"]},
      {"id": "r1", "name": "Refund request", "knowledge": {"minConfidence": 5.50e-1, "maxSuggestions": 3}},
      {"id": "r3", "name": "Password reset", "steps": ["a", "b", "c", "d", "e", "f", "g", "h"]}],
    "tags": ["billing", "emea", "tier-2"]}"""
)


def drawn(sections: list[Section]) -> str:
    """Draw the sections as text: [marked] words, one line a row, signs and numbers in front."""
    lines = []
    for section in sections:
        if section.folded:
            lines.append(f"> {section.title}")
            continue
        if section.crumb:
            lines.append(f"@ {section.crumb}")
        for row in section.rows:
            halves = []
            for line, sign in ((row.left, row.left_sign), (row.right, row.right_sign)):
                if line is None:
                    halves.append("")
                    continue
                value = "".join(f"[{part.text}]" if part.marked else part.text for part in line.segments)
                key = f"{line.key}: " if line.key else ""
                halves.append(f"{sign or ' '}{line.number:3} {line.padding}{key}{value}")
            ends = f"  ({row.note})" if row.note else ""
            ends += f"  #{row.change}" if row.change is not None else ""
            lines.append(f"{halves[0]:42}|{halves[1]}{ends}".rstrip())
    return "\n".join(lines)


EXPECTED = """\
   1 {                                    |   1 {
   2   id: "907a"                         |   2   id: "907a"
−  3   version: [41]                      |+  3   version: [42]  #0
−  4   description: "[Canned] answers."   |+  4   description: "[Scripted] answers."  #1
   5   transcription: {                   |   5   transcription: {
> 5 unchanged lines
@ suggestions › fallback
  11     fallback: {                      |  11     fallback: {
− 12       type: "[none]"                 |+ 12       type: "[message]"  #2
                                          |+ 13       text: "No suggestion"  #3
  13     }                                |  14     }
− 14     extra: {}                        |+ 15     extra: [  #4
                                          |+ 16       1
                                          |+ 17     ]
  15   }                                  |  18   }
  16   rules: [                           |  19   rules: [
⇅ 44     {                                |⇅ 20     {  (moved from #4 to #1)  #5
  45       id: "r4"                       |  21       id: "r4"
> 15 unchanged lines in rules
@ rules › Refund request › knowledge
  20       knowledge: {                   |  37       knowledge: {
− 21         minConfidence: [0.70]        |+ 38         minConfidence: [5.50e-1]  #6
  22         maxSuggestions: 3            |  39         maxSuggestions: 3
  23       }                              |  40       }
  24     }                                |  41     }
− 25     {                                |  #7
− 26       id: "r2"                       |
− 27       name: "Upgrade offer"          |
− 28       tags: []                       |
− 29     }                                |
  30     {                                |  42     {
> 12 unchanged lines in rules › Password reset
@ rules
  43     }                                |  55     }
⇅ 44     { … }                            |  (moved from #4 to #1)
  58   ]                                  |  56   ]
  59   tags: [                            |  57   tags: [
  60     "billing"                        |  58     "billing"
  61     "emea"                           |  59     "emea"
− 62     "tier-[1]"                       |+ 60     "tier-[2]"  #8
  63   ]                                  |  61   ]
  64 }                                    |  62 }"""


def test_the_page_shows_two_columns_with_folds_marks_and_notes() -> None:
    found = compare(BEFORE, AFTER, volatile=["version"])
    sections = side_by_side(BEFORE, AFTER, found, context=1)
    assert drawn(sections) == EXPECTED
    rows = [row for section in sections for row in section.rows]
    assert [row.kind for row in rows if row.volatile] == ["changed"]
    folded = [section for section in sections if section.folded]
    assert folded[0].rows[0].left is not None
    assert folded[0].rows[0].left.text == '    engine: "genesys"'


def all_rows(sections: list[Section]) -> list[Row]:
    return [row for section in sections for row in section.rows]


def check(before: Value, after: Value) -> None:
    found = compare(before, after)
    for layout in (side_by_side, unified):
        sections = layout(before, after, found)
        rows = all_rows(sections)
        lefts = [row.left for row in rows if row.left is not None and not row.left_behind]
        rights = [row.right for row in rows if row.right is not None]
        assert [line.number for line in rights] == list(range(1, len(rights) + 1))
        assert "\n".join(line.text for line in rights) == pretty(after)
        in_order = sorted(lefts, key=lambda line: line.number)
        assert [line.number for line in in_order] == list(range(1, len(lefts) + 1))
        assert "\n".join(line.text for line in in_order) == pretty(before)
        assert [row.change for row in rows if row.change is not None] == list(range(len(found.changes)))
        for row in rows:
            if row.change is not None:
                assert row.kind == found.changes[row.change].kind
        assert all(row.kind == "same" for section in sections if section.folded for row in section.rows)
        if found.equal:
            assert all(row.kind == "same" for row in rows)


@given(values, values)
def test_every_line_of_both_documents_stands_in_a_row_once_and_every_change_has_one_anchor(
    before: Value, after: Value
) -> None:
    check(before, after)
    check(before, copy.deepcopy(before))


items = st.fixed_dictionaries(
    {"id": st.integers(0, 6)},
    optional={"on": st.booleans(), "sub": st.lists(st.integers(0, 2), max_size=3), "name": st.sampled_from("xyz")},
)


@given(st.lists(items, max_size=7, unique_by=lambda item: item["id"]), st.lists(items, max_size=7), st.data())
def test_moved_and_edited_items_stand_in_rows_once(one: list[Any], other: list[Any], data: st.DataObject) -> None:
    check(one, other)
    shuffled = data.draw(st.permutations(copy.deepcopy(one)))
    for item in shuffled[:2]:
        item["on"] = "edited"
    check({"rules": one, "z": 1}, {"z": 2, "rules": shuffled})


def test_every_real_neighbour_is_laid_out_whole() -> None:
    laid_out = 0
    for folder in sorted(corpus("real").glob("*/")):
        documents = []
        for path in sorted(folder.glob("v*.json"))[-2:]:
            try:
                documents.append(load(path.read_bytes()))
            except InvalidDocument:
                continue
        if len(documents) == 2:
            check(documents[0], documents[1])
            laid_out += 1
    assert laid_out > 15


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({}, "moved from #3 to #1"),
        ({"name": "Reset by voice"}, "moved from #3 to #1 and edited"),
        ({"note": "new"}, "moved from #3 to #1 and edited"),
        ({"wait": None}, "moved from #3 to #1 and edited"),
    ],
)
def test_an_item_that_moved_and_was_edited_says_both_where_it_is_and_where_it_was(
    edit: dict[str, Value], said: str
) -> None:
    before: list[Value] = [{"id": f"r{number}", "name": "Reset", "wait": 5} for number in range(3)]
    gone = [key for key, value in edit.items() if value is None]
    item: Value = {
        key: member for key, member in {"id": "r2", "name": "Reset", "wait": 5, **edit}.items() if key not in gone
    }
    rows = all_rows(side_by_side(before, [item, *before[:2]], compare(before, [item, *before[:2]])))
    assert [(row.note, row.left_behind) for row in rows if row.note] == [(said, False), (said, True)]


@pytest.mark.slow
def test_what_nobody_looks_at_is_not_made() -> None:
    rules: list[Value] = [{"id": f"r{number}", "steps": list(range(50))} for number in range(2000)]
    before: Value = {"rules": rules}
    after: Value = {"rules": [*rules[:1000], {"id": "new"}, *rules[1000:]]}
    sections = side_by_side(before, after, compare(before, after))
    folds = [section for section in sections if section.folded]
    assert sum(section.size for section in sections) == pretty(after).count("\n") + 1
    # A few pieces stand for a hundred thousand rows.
    assert sum(len(section.pieces) for section in sections) < 2200
    assert [len(section.rows) for section in folds] == [section.size for section in folds]


def test_equal_documents_are_one_fold() -> None:
    (section,) = side_by_side(BEFORE, BEFORE, compare(BEFORE, BEFORE))
    assert (section.folded, section.title) == (True, f"{pretty(BEFORE).count(chr(10)) + 1} unchanged lines")


def test_one_column_puts_the_old_line_before_the_new_one() -> None:
    before: Value = {"a": "old words", "b": [1, 2], "c": 1}
    after: Value = {"a": "new words", "b": "none", "c": 2}
    rows = all_rows(unified(before, after, compare(before, after)))
    assert [(row.sign, row.line.text) for row in rows if row.line is not None] == [
        ("", "{"),
        ("−", '  a: "old words"'),
        ("+", '  a: "new words"'),
        ("−", "  b: ["),
        ("−", "    1"),
        ("−", "    2"),
        ("−", "  ]"),
        ("+", '  b: "none"'),
        ("−", "  c: 1"),
        ("+", "  c: 2"),
        ("", "}"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "left", "right"),
    [
        ("terminate my contract", "end my contract now", '"[terminate] my contract"', '"[end] my contract[ now]"'),
        ("none", "message", '"[none]"', '"[message]"'),
        ("a b c d", "a x y d", '"a [b c] d"', '"a [x y] d"'),
        ("same\u202e", "same", '"same[\\u202e]"', '"same"'),
        (1, "1", "[1]", '["1"]'),
        (True, 0, "[true]", "[0]"),
        ("x" * 5000, "y" * 5000, f'"[{"x" * 5000}]"', f'"[{"y" * 5000}]"'),
        ("a-b " * 900, "c-d " * 900, None, None),
    ],
)
def test_changed_words_are_marked(before: Value, after: Value, left: str | None, right: str | None) -> None:
    (row,) = all_rows(side_by_side(before, after, compare(before, after)))
    assert row.left is not None
    assert row.right is not None
    assert (row.left.value, row.right.value) == (pretty(before), pretty(after))
    shown = [
        "".join(f"[{part.text}]" if part.marked else part.text for part in line.segments)
        for line in (row.left, row.right)
    ]
    if left is not None:
        assert shown == [left, right]


def test_one_document_is_printed_with_its_spellings() -> None:
    value = load(
        b'{"a b":1.50,"":{},"c":[[],1E2,-0],"d":{"e":null,"f":"tab\\t\\u00e9\\u200b"},'
        b'"x\\u202ey":true,"back\\\\slash":1}'
    )
    assert pretty(value).splitlines() == [
        "{",
        '  "a b": 1.50',
        '  "": {}',
        "  c: [",
        "    []",
        "    1E2",
        "    -0",
        "  ]",
        "  d: {",
        "    e: null",
        '    f: "tab\\té\\u200b"',
        "  }",
        '  "x\\u202ey": true',
        '  "back\\\\slash": 1',
        "}",
    ]


def test_nothing_that_hides_or_turns_text_round_reaches_the_page() -> None:
    # Arabic signs that Unicode calls format characters, but that are seen.
    seen = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Cs"} and code not in seen:
            shown = visible(f"a{character}b")
            assert shown.isascii(), hex(code)
            assert shown.isprintable(), hex(code)
    assert visible("Führung – 東京 👍️ é") == "Führung – 東京 👍️ é"
    assert visible("\U000e0041\n\x00") == "\\udb40\\udc41\\n\\u0000"


def test_the_trojan_source_corpus_is_shown_in_its_stored_order() -> None:
    raw = corpus("corpora", "own", "bidi_trojan.json").read_bytes()
    shown = pretty(load(raw))
    for code in [0x61C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF]:
        assert chr(code) not in shown


@given(texts, texts)
def test_no_row_holds_a_line_break_or_a_hidden_character(key: str, text: str) -> None:
    before: Value = {key: text}
    after: Value = {key: text + "\u202e\n"}
    for row in all_rows(side_by_side(before, after, compare(before, after))):
        for line in (row.left, row.right):
            assert line is not None
            assert line.text == visible(line.text)
            assert len(line.text.splitlines()) == 1


def test_three_hundred_lines_are_compared_and_laid_out_at_once() -> None:
    rules = [
        {
            "id": f"r{number}",
            "name": f"Rule {number}",
            "enabled": True,
            "triggers": [{"type": "phrase", "value": f"phrase {number}", "confidence": number}],
            "knowledge": {"knowledgeBaseId": f"k{number}", "maxSuggestions": 3},
        }
        for number in range(20)
    ]
    before: Any = {"rules": rules, "tags": ["billing"]}
    after = copy.deepcopy(before)
    after["rules"].insert(0, after["rules"].pop(7))
    for rule in after["rules"][5:15]:
        rule["name"] += " with new words"
    assert pretty(before).count("\n") > 290
    began = time.thread_time()
    sections = side_by_side(before, after, compare(before, after))
    assert time.thread_time() - began < 0.2  # of our own time; it takes about 2 ms
    assert len(sections) > 3
