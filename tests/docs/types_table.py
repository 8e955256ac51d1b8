"""docs/TYPES.md: every type of the catalogue with what guards a write of it."""

from collections import Counter
from typing import Final

from tenants import types_page
from tenants.resource_types import Guard, ResourceType, catalogue

HEADS: Final = (
    "type",
    "title",
    "guard",
    "what the server checks",
    "version",
    "written by",
    "taken back by",
    "history",
    "permissions: read · write",
    "what is not taken back",
)
_CHECKED: Final = {
    Guard.ETAG: "`If-Match` with the ETag of the approved state",
    Guard.VERSION: "the version number in the body",
    Guard.COMPARE: "nothing: the console compares before it writes and reads back after",
}
_BEGINNING: Final = """\
# Every type, and what guards a write of it

Made from the catalogue by `make docs`; a test holds it to what the catalogue says. The same, with the fields of each
type, is the page *Resource types* of the console. An operator's own file adds types and overrides these
(`CONSOLE_RESOURCE_TYPES_FILE`, [CONTRACT.md](CONTRACT.md)).
"""


def text() -> str:
    """Give the whole page, from the catalogue as it is shipped."""
    page = types_page.types_page({})
    kinds = Counter(row.level or types_page.READ_ONLY for row in page.rows)
    levels = [
        f"- **{level.key}** ({level.name}, {kinds[level.key]} types): {level.meaning}"
        for level in page.levels
        if level.key != types_page.READ_ONLY
    ]
    read_only = next(level for level in page.levels if level.key == types_page.READ_ONLY)
    levels.append(f"- **read-only** ({kinds[types_page.READ_ONLY]} types): {read_only.meaning}")
    table = [_line(HEADS), _line(["---"] * len(HEADS)), *(_line(_cells(row)) for row in page.rows)]
    total = f"{page.total} types. The guard is a level that every plan and every audit entry shows:"
    return "\n".join([_BEGINNING, total, "", *levels, "", *table, ""])


def _line(cells: "tuple[str, ...] | list[str]") -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _cells(row: types_page.Row) -> list[str]:
    rtype = row.rtype
    writes = bool(row.level)
    return [
        f"`{rtype.name}`",
        rtype.title,
        f"**{row.level}** {types_page.LEVELS[row.level][0]}" if writes else "read-only",
        _CHECKED[rtype.guard] if writes else "–",
        row.version if writes else "–",
        rtype.update_method or "nobody",
        _procedure(rtype),
        row.history,
        f"{_permissions(rtype.read_permissions)} · {_permissions(rtype.write_permissions)}",
        _left_out(rtype),
    ]


def _procedure(rtype: ResourceType) -> str:
    if not rtype.update_method:
        return "–"
    if rtype.procedure is None:
        return "one write"
    return rtype.procedure.sentence.removeprefix("takes ")


def _permissions(needed: object) -> str:
    return f"`{needed}`" if str(needed) else "none published"


def _left_out(rtype: ResourceType) -> str:
    parts = [rtype.why_read_only, rtype.caveat]
    if rtype.immutable and not rtype.why_read_only:
        parts.append(f"A plan is refused while {_members(rtype.immutable)} differ{'' if rtype.immutable[1:] else 's'}.")
    if rtype.secret:
        parts.append(f"Never sent, because a read masks it: {_members(rtype.secret)}.")
    if rtype.alias_of is not None:
        parts.append(f"Another address of `{catalogue.get(rtype.alias_of).name}`.")
    return " ".join(part for part in parts if part) or "–"


def _members(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
