"""What a body names otherwise than a read shows it, both ways: a read shows a manager whole, a write takes the id.

    shown by a read     "manager": {"id": "u-7", "selfUri": "…"}     "owners": [{"id": "u-1", …}, {"id": "u-2", …}]
    in a body           "manager": "u-7"                             "ownerIds": ["u-1", "u-2"]
    comparable          "manager": {"id": "u-7"}                     "owners": [{"id": "u-1"}, {"id": "u-2"}]

Only what a body can say is compared and digested: that the manager was renamed is no change of the user. The rules
stand in the catalogue (`written_as`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from tenants.documents import InvalidDocument, Value, compose, found, join, list_items, load, root_members, split
from tenants.documents.patterns import ANY
from tenants.resource_types.definition import ResourceType, Written

_T = TypeVar("_T")


def body_members(rtype: ResourceType, raw: bytes) -> dict[str, bytes]:
    """Give an object's root members under the names and in the form that a body has, spelled as they are in `raw`.

    A member that a body names otherwise is not there under the name that a read shows, unless it is the same one; what
    the platform sets by itself inside a member (`nested_volatile`) is left out. Raises `InvalidDocument` when the
    document is no JSON object.
    """
    members = root_members(raw)
    for pattern in rtype.nested_volatile:
        root, *below = split(pattern)
        if root in members:
            members[root] = _raw_without(members[root], below)
    if not rtype.written_as:
        return members
    shown = {rule.shown_in for rule in rtype.written_as}
    found_as = {
        rule.member: _written(rule, members[rule.shown_in], _RAW)
        for rule in rtype.written_as
        if rule.shown_in in members
    }
    left = {key: member for key, member in members.items() if key not in shown}
    return left | {key: member for key, member in found_as.items() if member is not None}


def comparable(rtype: ResourceType, value: Mapping[str, Value]) -> dict[str, Value]:
    """Give an object with what a body names otherwise reduced to what a body can say; absent where that is nothing."""
    if not rtype.written_as:
        return dict(value)
    reduced: dict[str, Value] = {}
    for rule in rtype.written_as:
        if rule.shown_in in value:
            written = _written(rule, value[rule.shown_in], _VALUES)
            if written is not None:
                reduced[rule.shown_in] = _merged(reduced.get(rule.shown_in), _shown(rule, written))
    shown = {rule.shown_in for rule in rtype.written_as}
    return {key: reduced.get(key, member) for key, member in value.items() if key not in shown or key in reduced}


def as_shown(rtype: ResourceType, body: Mapping[str, Value]) -> dict[str, Value]:
    """Give a body's members as a read would show them, as far as they are comparable."""
    otherwise = {rule.member for rule in rtype.written_as}
    shown = {key: member for key, member in body.items() if key not in otherwise}
    for rule in rtype.written_as:
        if rule.member in body:
            shown[rule.shown_in] = _merged(shown.get(rule.shown_in), _shown(rule, body[rule.member]))
    return shown


def _raw_without(raw: bytes, tokens: Sequence[str]) -> bytes:
    """Give a raw value without what stands at a pattern below it, every other byte as it was where nothing does."""
    if next(found(load(raw), join(tokens)), None) is None:
        return raw
    token, below = tokens[0], tokens[1:]
    if token == ANY and raw.startswith(b"["):
        items = [_raw_without(item, below) for item in list_items(raw)] if below else []
        return b"[" + b",".join(items) + b"]"
    kept = {
        key: _raw_without(member, below) if token in (ANY, key) else member
        for key, member in root_members(raw).items()
        if below or token not in (ANY, key)
    }
    return compose(kept)


@dataclass(frozen=True, slots=True)
class _Form(Generic[_T]):
    """How to walk and to make documents of one form: values, or the raw bytes of values."""

    below: Callable[[_T, str], list[_T]]
    """What is at one token of a pattern, none or one or, for `*`, each item."""
    is_list: Callable[[_T], bool]
    is_null: Callable[[_T], bool]
    listed: Callable[[Sequence[_T]], _T]
    composed: Callable[[Mapping[str, _T]], _T]


def _raw_below(raw: bytes, token: str) -> list[bytes]:
    try:
        return list_items(raw) if token == ANY else [root_members(raw)[token]]
    except (InvalidDocument, KeyError):
        return []


_RAW: Final[_Form[bytes]] = _Form(
    below=_raw_below,
    is_list=lambda raw: raw.startswith(b"["),
    is_null=lambda raw: raw == b"null",
    listed=lambda items: b"[" + b",".join(items) + b"]",
    composed=compose,
)
_VALUES: Final[_Form[Value]] = _Form(
    below=lambda value, token: [member for _, member in found(value, join([token]))],
    is_list=lambda value: isinstance(value, list),
    is_null=lambda value: value is None,
    listed=list,
    composed=dict,
)


def _written(rule: Written, shown: _T, form: _Form[_T]) -> _T | None:
    """Give the body's value for what a read shows at the rule's root member; None where it shows none."""
    before, star, after = _parts(split(rule.source)[1:])
    places = _at(shown, before, form)
    if not star:
        return places[0] if places and not form.is_null(places[0]) else None
    if not places or not form.is_list(places[0]):
        return None
    items = [value for item in form.below(places[0], ANY) for value in _at(item, after, form)]
    listed = form.listed([_item(rule, item, form) for item in items])
    return form.composed({rule.within: listed}) if rule.within else listed


def _item(rule: Written, item: _T, form: _Form[_T]) -> _T:
    if not rule.members:
        return item
    members = {}
    for key, source in rule.members:
        before, star, after = _parts(split(source))
        places = _at(item, before, form)
        if star and places and form.is_list(places[0]):
            inner = [value for one in form.below(places[0], ANY) for value in _at(one, after, form)]
            members[key] = form.listed(inner)
        elif not star and places and not form.is_null(places[0]):
            members[key] = places[0]
    return form.composed(members)


def _at(value: _T, tokens: Sequence[str], form: _Form[_T]) -> list[_T]:
    values = [value]
    for token in tokens:
        values = [below for one in values for below in form.below(one, token)]
    return values


def _parts(tokens: Sequence[str]) -> tuple[Sequence[str], bool, Sequence[str]]:
    """Give the tokens before the star, whether there is one, and those after it."""
    if ANY not in tokens:
        return tokens, False, ()
    place = tokens.index(ANY)
    return tokens[:place], True, tokens[place + 1 :]


def _shown(rule: Written, written: Value) -> Value:
    before, star, after = _parts(split(rule.source)[1:])
    if not star:
        return _nested(before, written)
    inside = written.get(rule.within) if rule.within and isinstance(written, dict) else written
    items = inside if isinstance(inside, list) else []
    return _nested(before, [_nested(after, _item_shown(rule, item)) for item in items])


def _item_shown(rule: Written, item: Value) -> Value:
    if not rule.members or not isinstance(item, dict):
        return item
    shown: Value = {}
    for key, source in rule.members:
        if key not in item:
            continue
        before, star, after = _parts(split(source))
        inner = item[key]
        if star:
            inner = [_nested(after, one) for one in inner] if isinstance(inner, list) else []
        shown = _merged(shown, _nested(before, inner))
    return shown


def _nested(tokens: Sequence[str], value: Value) -> Value:
    for token in reversed(tokens):
        value = {token: value}
    return value


def _merged(one: Value, other: Value) -> Value:
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **{key: _merged(one.get(key), member) for key, member in other.items()}}
    return other
