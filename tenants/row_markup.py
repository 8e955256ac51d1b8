"""The rows of a comparison as HTML.

A template would take longer over 700 rows than everything else on the page together, so the rows are written here, and
every piece of text of a document goes through `escape`: what a configuration holds is shown, never run. Indentation is
a class (`i3`), since the Content-Security-Policy allows no inline style.

A row has a number (`Layout`). It is written (`data-r`) where it is not the one after the row above. Unchanged rows are
in the page where they are few, else a link gives them.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Final, Literal

from django.utils.safestring import SafeString, mark_safe

from tenants.documents import in_one_column

if TYPE_CHECKING:
    from tenants.documents import Line, Row, Section

View = Literal["split", "unified"]

MOST_INLINE: Final = 500
"""Unchanged rows that a page brings along folded; the others are fetched when somebody unfolds them."""
LONGEST_INLINE: Final = 150
"""Rows of one such gap."""
STEP: Final = 200
"""Rows that one look into a long gap shows."""
DEEPEST_INDENT: Final = 24

_WORDS: Final = {
    "changed": ("before: ", "after: "),
    "removed": ("removed: ", ""),
    "added": ("", "added: "),
    "moved": ("moved: ", "moved: "),
}
_BY_ITSELF: Final = "set by the platform, "
_ESCAPES: Final = re.compile(r"\\\\|\\u([0-9a-f]{4})")


class Markup:
    """The markup of sections.

    `anchors` gives the id of the row of each change, `target` the number of one more row and its id. `address` gives
    the address at which rows from one to before another are unfolded.
    """

    def __init__(
        self,
        sections: Sequence["Section"],
        *,
        view: View,
        anchors: Mapping[int, str],
        address: Callable[[int, int], str],
        target: tuple[int, str] | None = None,
    ) -> None:
        self._view = view
        self._anchors = anchors
        self._address = address
        self._target = target
        self._inline = 0
        parts: list[str] = []
        for section in sections:
            self._section(section, parts)
        self.html: SafeString = mark_safe("".join(parts))  # noqa: S308 - every text in it was escaped

    def _section(self, section: "Section", parts: list[str]) -> None:
        if not section.folded:
            if section.crumb:
                parts.append(f'<h3 class="crumb">{escape(section.crumb)}</h3>')
            self._table(section, parts)
            return
        begin, end = section.begin, section.begin + section.size
        few = section.size <= LONGEST_INLINE and self._inline + section.size <= MOST_INLINE
        if not section.opened and not few:
            parts.append(self._link(section))
            return
        if not section.opened:
            self._inline += section.size
        state = " open" if section.opened else ""
        parts.append(
            f'<details class="fold" id="g{begin}" data-gap="{begin}-{end}"{state}>'
            f"<summary>{escape(section.title)}</summary>"
        )
        self._table(section, parts)
        parts.append("</details>")

    def _link(self, section: "Section") -> str:
        begin, end = section.begin, section.begin + section.size
        title = escape(section.title)
        if section.size <= STEP:
            return f'<p class="fold far" data-gap="{begin}-{end}">{self._show(begin, end, title)}</p>'
        first = self._show(begin, begin + STEP, f"first {STEP}<span class='visually-hidden'> of {title}</span>")
        last = self._show(end - STEP, end, f"last {STEP}<span class='visually-hidden'> of {title}</span>")
        return f'<p class="fold far" data-gap="{begin}-{end}"><span>{title}</span> {first} {last}</p>'

    def _show(self, begin: int, end: int, words: str) -> str:
        return f'<a href="{escape(self._address(begin, end))}#g{begin}" data-show="{begin}-{end}">{words}</a>'

    def _table(self, section: "Section", parts: list[str]) -> None:
        write = self._split_row if self._view == "split" else self._unified_row
        parts.append(f'<table class="diff {self._view}" role="presentation"><tbody>')
        numbered: Iterable[tuple[int, Row]] = enumerate(section.rows, section.begin)
        if self._view == "unified":
            numbered = in_one_column(numbered)
        expected = -1
        for number, row in numbered:
            parts.append(write(row, self._attributes(row, number, expected)))
            expected = number + 1
        parts.append("</tbody></table>")

    def _attributes(self, row: "Row", number: int, expected: int) -> str:
        told = "" if number == expected else f' data-r="{number}"'
        if row.change is not None:
            told += f' id="{escape(self._anchors[row.change])}" tabindex="-1"'
        elif self._target is not None and number == self._target[0] and number + 1 != expected:
            told += f' id="{escape(self._target[1])}" tabindex="-1"'
        if row.kind == "same":
            return told
        return f'{told} class="{"vol" if row.volatile else "c"}"'

    def _split_row(self, row: "Row", attributes: str) -> str:
        if row.kind == "same":
            return f"<tr{attributes}>{_cell(row.left)}{_cell(row.right)}</tr>"
        left_kind, right_kind = ("mov", "mov") if row.kind == "moved" else ("del", "ins")
        note_left, note_right = (row.note, "") if row.right is None else ("", row.note)
        left_word, right_word = _words(row)
        return (
            f"<tr{attributes}>{_cell(row.left, left_kind, row.left_sign, left_word, note_left)}"
            f"{_cell(row.right, right_kind, row.right_sign, right_word, note_right)}</tr>"
        )

    def _unified_row(self, row: "Row", attributes: str) -> str:
        if row.kind == "same":
            return f"<tr{attributes}>{_cell(row.line)}</tr>"
        kind = "mov" if row.kind == "moved" else "ins" if row.right is not None else "del"
        word = _words(row)[0 if row.right is None else 1]
        return f"<tr{attributes}>{_cell(row.line, kind, row.sign, word, row.note)}</tr>"


def shown_text(text: str) -> str:
    """Give text of a document as markup: escaped, and what hides in it, an escape by now, named and set apart."""
    safe = escape(text)
    return _ESCAPES.sub(_named, safe) if "\\u" in safe else safe


def _named(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    name = unicodedata.name(chr(int(match[1], 16)), f"U+{match[1].upper()}").lower()
    return f'<span class="esc" title="{escape(name)}">{match[0]}</span>'


def _words(row: "Row") -> tuple[str, str]:
    left, right = _WORDS[row.kind]
    return (f"{_BY_ITSELF}{left}", f"{_BY_ITSELF}{right}") if row.volatile else (left, right)


def _cell(line: "Line | None", kind: str = "", sign: str = "", word: str = "", note: str = "") -> str:
    if line is None:
        return '<td class="s none"></td><td class="none"></td>'
    indent = min(line.indent, DEEPEST_INDENT)
    key = f'<span class="k">{shown_text(line.key)}</span>: ' if line.key else ""
    if not kind:
        return f'<td class="s"></td><td class="i{indent}">{key}{shown_text(line.value)}</td>'
    tag = "del" if kind == "del" else "ins"
    value = "".join(
        f"<{tag}>{shown_text(segment.text)}</{tag}>" if segment.marked else shown_text(segment.text)
        for segment in line.segments
    )
    told = f' <span class="note">{escape(note)}</span>' if note else ""
    return (
        f'<td class="s {kind}" aria-hidden="true">{sign}</td><td class="{kind} i{indent}">'
        f'<span class="visually-hidden">{word}</span>{key}{value}{told}</td>'
    )
