"""The catalogue: the data files read once and checked strictly: a wrong line stops a start, not a write.

The files in `data/` hold the types that come with the console. One file of an operator's own may add types and
override any of these, key by key (`use_file`).
"""

import difflib
import functools
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tenants.documents import split
from tenants.resource_types.definition import ResourceType
from tenants.resource_types.schema import InvalidCatalogue, either, read_type

__all__ = [
    "FILES",
    "InvalidCatalogue",
    "UnknownType",
    "all_types",
    "check_file",
    "get",
    "load",
    "names_of_one_object",
    "own_file",
    "use_file",
]

FOLDER: Final = Path(__file__).with_name("data")
FILES: Final = (
    "assist.toml",
    "outbound.toml",
    "routing.toml",
    "architect.toml",
    "integrations.toml",
    "content.toml",
    "telephony.toml",
    "directory.toml",
    "workforce.toml",
)
"""The data files, in the order of the catalogue."""
LARGEST_FILE: Final = 1024 * 1024
"""In bytes; what is longer is no declaration of types, whoever wrote it."""


class UnknownType(LookupError):
    """Say that the catalogue has no type of a name, and which names are near."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        families = sorted({other.partition(".")[0] for other in names})
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.7)
        near += [other for other in names if name and name in other and other not in near]
        hint = f"Did you mean {either(near)}?" if near else f"The families are {', '.join(families)}."
        super().__init__(f"There is no resource type {name!r}, so nothing was done. {hint}")


class _OwnFile:
    """Which file of the operator's own counts in this process."""

    path: Path | None = None


def use_file(path: Path | None) -> None:
    """Let an operator's own file add types and override keys of others from now on; None goes back to none.

    Raises InvalidCatalogue naming file, type and key; then nothing has changed.
    """
    if path is not None:
        check_file(path)
    _OwnFile.path = path


def check_file(path: Path) -> None:
    """Raise InvalidCatalogue, naming file, type and key, where an operator's own file could not be used."""
    _types.cache_clear()
    _types(path)


def own_file() -> tuple[Path, tuple[str, ...]] | None:
    """Give the operator's own file and the names of the types in it; None where there is none."""
    path = _OwnFile.path
    return None if path is None else (path, tuple(_tables(path)))


def get(name: str) -> ResourceType:
    """Give the type of that name; raise `UnknownType`, whose sentence lists near names."""
    types = _types(_OwnFile.path)
    try:
        return types[name]
    except KeyError:
        raise UnknownType(name, types) from None


def names_of_one_object(name: str) -> tuple[str, ...]:
    """Give every type under which an object of this type can be reached, the type's own name among them."""
    own = get(name).alias_of or name
    return tuple(rtype.name for rtype in all_types() if own in (rtype.name, rtype.alias_of))


def all_types() -> tuple[ResourceType, ...]:
    """Give every type, in the order of the catalogue; types that only an operator's file has come last."""
    return tuple(_types(_OwnFile.path).values())


@functools.cache
def _types(own: Path | None) -> Mapping[str, ResourceType]:
    tables: dict[str, Any] = {}
    source: dict[str, str] = {}
    for file in FILES:
        for name, table in _tables(FOLDER / file).items():
            if name in tables:
                raise InvalidCatalogue(name, "", f"it stands in {source[name]} too", file=file)
            tables[name], source[name] = table, file
    if own is not None:
        for name, table in _tables(own).items():
            over = tables.get(name)
            if isinstance(over, dict) and isinstance(table, dict):
                # An empty text takes a key away, for what has no other way to say that it is not there.
                table = {key: value for key, value in {**over, **table}.items() if value != ""}  # noqa: PLW2901
            tables[name] = table
            source[name] = str(own)
    return MappingProxyType(_read_all(tables, source))


def load(text: str, *, file: str = "") -> dict[str, ResourceType]:
    """Give the types of a catalogue's TOML text by name; raise `InvalidCatalogue` naming the first mistake."""
    tables = _parsed(text, file)
    return _read_all(tables, dict.fromkeys(tables, file))


def _tables(path: Path) -> dict[str, Any]:
    file = path.name if path.parent == FOLDER else str(path)
    try:
        with path.open("rb") as opened:
            raw = opened.read(LARGEST_FILE + 1)
        if len(raw) > LARGEST_FILE:
            raise InvalidCatalogue("", "", f"it is longer than the {LARGEST_FILE:,} bytes that are read", file=file)
        text = raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise InvalidCatalogue("", "", "it is not UTF-8 text", file=file) from None
    except OSError as error:
        raise InvalidCatalogue("", "", f"it cannot be read ({error.strerror})", file=file) from None
    return _parsed(text, file)


def _parsed(text: str, file: str) -> dict[str, Any]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidCatalogue("", "", f"it is not TOML ({error})", file=file) from None
    except (RecursionError, ValueError):
        # A number of more digits than Python converts, or brackets without end.
        raise InvalidCatalogue("", "", "it holds a number that is too long or nests too deep", file=file) from None
    if not tables:
        raise InvalidCatalogue("", "", "it declares no type", file=file)
    return tables


def _read_all(tables: Mapping[str, Any], source: Mapping[str, str]) -> dict[str, ResourceType]:
    types: dict[str, ResourceType] = {}
    for name, table in tables.items():
        try:
            types[name] = read_type(name, table)
        except InvalidCatalogue as error:
            raise error.found_in(source[name]) from None
    for name, rtype in types.items():
        parent = types.get(rtype.parent)
        if rtype.parent and (parent is None or parent.list_path is None or parent.in_parent):
            reason = f"{rtype.parent!r} is no type that can be listed by itself"
            raise InvalidCatalogue(name, "parent", reason, file=source[name])
        if rtype.alias_of is not None and (rtype.alias_of not in types or types[rtype.alias_of].alias_of is not None):
            reason = f"{rtype.alias_of!r} is no type that has its own address"
            raise InvalidCatalogue(name, "alias_of", reason, file=source[name])
        _check_users(rtype, types, source[name])
        _check_references(rtype, types, source[name])
    return types


def _check_users(rtype: ResourceType, types: Mapping[str, ResourceType], file: str) -> None:
    """Check that what is pointed at a new version is of a type that can be listed, and written there."""
    steps = rtype.steps
    if steps is None or not steps.used_by_type:
        return
    users = types.get(steps.used_by_type)
    if users is None or users.list_path is None or not users.update_method:
        reason = f"{steps.used_by_type!r} is no type that can be listed and written"
        raise InvalidCatalogue(rtype.name, "steps.used_by_type", reason, file=file)
    member = split(steps.used_by_pointer)[0]
    if member not in users.writable:
        reason = f"the member {member!r} does not stand in 'writable' of {users.name}"
        raise InvalidCatalogue(rtype.name, "steps.used_by_pointer", reason, file=file)


def _check_references(rtype: ResourceType, types: Mapping[str, ResourceType], file: str) -> None:
    """Check that what is referred to is of a type that an id alone addresses."""
    for reference in rtype.references:
        for target in reference.to:
            other = types.get(target)
            if not target.startswith("/") and (other is None or other.in_parent or other.is_singleton):
                reason = f"{target!r} is no type whose objects are found by their id alone"
                raise InvalidCatalogue(rtype.name, f"references.{reference.at}", reason, file=file)
