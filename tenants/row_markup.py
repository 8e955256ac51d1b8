"""The rows of a comparison as HTML.

A template would take longer over 700 rows than everything else on the page together, so the rows are written here, and
every piece of text of a document goes through `escape`: what a configuration holds is shown, never run. Indentation is
a class (`i3`), since the Content-Security-Policy allows no inline style.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final, Literal

from django.utils.safestring import SafeString, mark_safe

if TYPE_CHECKING:
    from tenants.documents import Line, Row, Section

View = Literal["split", "unified"]

MOST_ROWS: Final = 6000
"""Beyond it unchanged parts are not sent any more, and beyond twice as many nothing is."""
DEEPEST_INDENT: Final = 24

_WORDS: Final = {"del": "before: ", "ins": "after: ", "mov": "moved: "}


class Markup:
    """The markup of one comparison, and whether all of it was written."""

    def __init__(self, sections: Sequence["Section"], *, view: View) -> None:
        self.complete = True
        self._written = 0
        self._view = view
        parts: list[str] = []
        for section in sections:
            self._section(section, parts)
        self.html: SafeString = mark_safe("".join(parts))  # noqa: S308 - every text in it was escaped above

    def _section(self, section: "Section", parts: list[str]) -> None:
        size = section.size
        if self._written + size > (MOST_ROWS if section.folded else 2 * MOST_ROWS):
            self.complete = False
            title = section.title or f"{size} lines"
            parts.append(f'<p class="fold-line">{escape(title)}, left out because the document is very long</p>')
            return
        self._written += size
        if section.folded:
            parts.append(f'<details class="fold"><summary>{escape(section.title)}</summary>')
            self._table(section.rows, parts)
            parts.append("</details>")
            return
        if section.crumb:
            parts.append(f'<h3 class="crumb">{escape(section.crumb)}</h3>')
        self._table(section.rows, parts)

    def _table(self, rows: "Iterable[Row]", parts: list[str]) -> None:
        write = _split_row if self._view == "split" else _unified_row
        parts.append(f'<table class="diff {self._view}" role="presentation"><tbody>')
        parts.extend(write(row) for row in rows)
        parts.append("</tbody></table>")


def _split_row(row: "Row") -> str:
    if row.kind == "same":
        return f"<tr>{_cell(row.left)}{_cell(row.right)}</tr>"
    left_kind, right_kind = ("mov", "mov") if row.kind == "moved" else ("del", "ins")
    note_left = row.note if row.right is None else ""
    note_right = row.note if row.right is not None else ""
    return (
        f"<tr{_attributes(row)}>{_cell(row.left, left_kind, row.left_sign, note_left)}"
        f"{_cell(row.right, right_kind, row.right_sign, note_right)}</tr>"
    )


def _unified_row(row: "Row") -> str:
    if row.kind == "same":
        return f"<tr>{_cell(row.line)}</tr>"
    kind = "mov" if row.kind == "moved" else "ins" if row.right is not None else "del"
    return f"<tr{_attributes(row)}>{_cell(row.line, kind, row.sign, row.note)}</tr>"


def _attributes(row: "Row") -> str:
    identity = f' id="c{row.change}" tabindex="-1"' if row.change is not None else ""
    return f'{identity} class="{"vol" if row.volatile else "c"}"'


def _cell(line: "Line | None", kind: str = "", sign: str = "", note: str = "") -> str:
    if line is None:
        return '<td class="s none"></td><td class="none"></td>'
    indent = min(line.indent, DEEPEST_INDENT)
    key = f'<span class="k">{escape(line.key)}</span>: ' if line.key else ""
    if not kind:
        return f'<td class="s"></td><td class="i{indent}">{key}{escape(line.value)}</td>'
    tag = "del" if kind == "del" else "ins"
    value = "".join(
        f"<{tag}>{escape(segment.text)}</{tag}>" if segment.marked else escape(segment.text)
        for segment in line.segments
    )
    told = f' <span class="note">{escape(note)}</span>' if note else ""
    return (
        f'<td class="s {kind}" aria-hidden="true">{sign}</td><td class="{kind} i{indent}">'
        f'<span class="visually-hidden">{_WORDS[kind]}</span>{key}{value}{told}</td>'
    )
