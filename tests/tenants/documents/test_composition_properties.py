"""Whatever is chosen of a way back, the document composed from it is exactly that: properties, on any two documents."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tenants.documents import Choice, Touched, Value, composed, load, locate, parts, place_text, same
from tenants.documents.canonical import canonical_bytes, digest
from tenants.documents.difference import MISSING
from tenants.documents.places import Index, Item, names_of
from tests.tenants.documents.corpora import values
from tests.tenants.documents.test_composition import GRAIN, chosen, raw, side, undone, value_of
from tests.tenants.documents.test_difference import items

if TYPE_CHECKING:
    from tenants.documents.places import Place


def assert_is_made_of(
    made: Any, live: Any, target: Any, *, changed: set[Place], keep: set[Place], at: Place = ()
) -> None:
    """Assert that all of it is as on live where that was kept or never differed, and as in the target elsewhere.

    It walks the three by the names of what changed: where two documents are compared again, the items of a list that
    nothing names may be told apart in another way.
    """
    if at in changed:
        assert found_equal(made, live if at in keep else target), place_text(at)
        return
    below = {place[len(at)] for place in changed if len(place) > len(at) and place[: len(at)] == at}
    if not below:
        assert found_equal(live, target)
        assert found_equal(made, live), place_text(at)
    elif isinstance(live, dict) and isinstance(target, dict) and isinstance(made, dict):
        for member in live.keys() | target.keys() | made.keys():
            here, there, now = (one.get(member, MISSING) for one in (live, target, made))
            assert_is_made_of(now, here, there, changed=changed, keep=keep, at=(*at, member))
    elif all(isinstance(step, Index) for step in below):
        assert len(made) == len(live) == len(target)
        for number, (now, here, there) in enumerate(zip(made, live, target, strict=True)):
            assert_is_made_of(now, here, there, changed=changed, keep=keep, at=(*at, Index(number)))
    else:
        names = names_of([live, live, target], grain=GRAIN)
        assert names is not None
        key = next(step.key for step in below if isinstance(step, Item))
        own = [Item(key, token_of(item, key)) for item in made]
        called = [names.others.get(str(name), name) for name in own]
        assert len(set(called)) == len(called)
        now, here, there = (
            dict(zip(steps, items, strict=True))
            for steps, items in ((called, made), (names.lists[1], live), (names.lists[2], target))
        )
        for name in here.keys() | there.keys() | now.keys():
            three = (one.get(name, MISSING) for one in (now, here, there))
            assert_is_made_of(*three, changed=changed, keep=keep, at=(*at, name))


def found_equal(one: Any, other: Any) -> bool:
    return one is other if MISSING in (one, other) else same(one, other)


def token_of(item: Any, key: str) -> str:
    if key == "sha256":
        return digest(item)[:12]
    value = item[key] if key else item
    return value if isinstance(value, str) else canonical_bytes(value).decode()


fewer = settings(max_examples=60)
documents = st.dictionaries(st.sampled_from("abcd"), st.one_of(values, st.lists(items, max_size=6)), max_size=4)


@fewer
@given(documents, documents)
def test_keeping_nothing_gives_the_target_and_keeping_everything_gives_live_byte_for_byte(
    live: Value, target: Value
) -> None:
    nothing = chosen(live, target)
    assert nothing.overlaps == ()
    assert same(load(nothing.raw), target)
    here = side(live)
    every = Choice(keep=[one.place for one in parts(here.value, load(raw(target)), grain=GRAIN)])
    kept = composed(base=here, live=here, other=side(target), grain=GRAIN, choice=every)
    assert (kept.raw, kept.overlaps) == (here.raw, ())


@fewer
@example({"c": [[None]], "a": None}, {"c": ["a", "b", []], "a": None}, random.Random(82))  # noqa: S311
@example({"b": [[]]}, {"b": ["a"]}, random.Random(13))  # noqa: S311
@given(documents, documents, st.randoms(use_true_random=False))
def test_whatever_is_kept_exactly_that_still_differs_from_the_target_and_exactly_the_rest_from_live(
    live: Value, target: Value, chance: random.Random
) -> None:
    here, there = side(live), side(target)
    every = [one.place for one in parts(here.value, there.value, grain=GRAIN)]
    keep = [place for place in every if chance.random() < 0.5]
    found = composed(base=here, live=here, other=there, grain=GRAIN, choice=Choice(keep=keep))
    # Each is found again by what it is called.
    for place in every:
        assert locate(place_text(place), base=here.value, live=here.value, other=there.value, grain=GRAIN) == place
    if found.overlaps:
        assert all(one.order for one in found.overlaps)
        return

    assert_is_made_of(load(found.raw), here.value, there.value, changed=set(every), keep=set(keep))


@fewer
@given(documents, documents)
def test_undoing_the_last_change_gives_exactly_the_version_before_it(before: Value, after: Value) -> None:
    found = undone(before, after, after)
    assert found.overlaps == ()
    assert same(load(found.raw), before)


@fewer
@given(documents, documents, documents)
def test_an_undo_moves_nothing_that_the_change_did_not_touch_and_leaves_nothing_of_it_but_where_later_work_is(
    before: Value, after: Value, live: Value
) -> None:
    found = undone(before, after, live)
    if found.overlaps:
        assert found.raw == raw(live) or len(parts(after, before, grain=GRAIN)) > 1
        return
    made = load(found.raw)
    touched = Touched([one.place for one in parts(after, before, grain=GRAIN)])
    later = Touched([one.place for one in parts(after, live, grain=GRAIN)])
    for moved in parts(live, made, grain=GRAIN):
        assert touched.may_be(moved.place)
    for left in parts(made, before, grain=GRAIN):
        assert later.may_be(left.place)


class History:
    """A history of edits of which each knows what it did, so that all but one can be done again."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.fresh = iter(range(100, 999))
        rules = [{"id": f"r{n}", "limit": n, "on": True} for n in range(4)]
        self.versions: list[Any] = [{"rules": rules, "words": {"hello": "Hello", "bye": "Bye"}}]
        self.edits: list[list[tuple[Any, ...]]] = []

    def edit(self) -> None:
        """Make the next version by up to three edits of places that no other edit of this version has."""
        value = copy.deepcopy(self.versions[-1])
        done: list[tuple[Any, ...]] = []
        for _ in range(self.chance.randint(1, 3)):
            edit = self._drawn(value, done)
            if edit is not None:
                apply(value, edit)
                done.append(edit)
        self.versions.append(value)
        self.edits.append(done)

    def _drawn(self, value: Any, done: list[tuple[Any, ...]]) -> tuple[Any, ...] | None:
        touched = {one[1] for one in done}
        rules = [rule["id"] for rule in value["rules"] if rule["id"] not in touched]
        kind = self.chance.choice(["set", "word", "forget", "add", "remove"])
        if kind == "add":
            number = next(self.fresh)
            return ("add", f"r{number}", {"id": f"r{number}", "limit": number, "on": True})
        if kind in {"word", "forget"}:
            word = self.chance.choice(["hello", "bye", "hold", "wait"])
            if word in touched or (kind == "forget" and word not in value["words"]):
                return None
            return (kind, word, f"{word} {next(self.fresh)}") if kind == "word" else (kind, word)
        if not rules:
            return None
        one = self.chance.choice(rules)
        return (
            ("remove", one) if kind == "remove" else ("set", one, self.chance.choice(["limit", "on"]), next(self.fresh))
        )


def apply(value: Any, edit: tuple[Any, ...]) -> None:
    kind, name, *more = edit
    rules = value["rules"]
    if kind == "add":
        rules.append(copy.deepcopy(more[0]))
    elif kind == "word":
        value["words"][name] = more[0]
    elif kind == "forget":
        value["words"].pop(name, None)
    elif kind == "remove":
        rules[:] = [rule for rule in rules if rule["id"] != name]
    else:
        for rule in rules:
            if rule["id"] == name:
                rule[more[0]] = more[1]


def overlapping(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Say whether two edits are of one place: of one word, of one field of a rule, or of a rule that comes or goes."""
    if one[1] != other[1]:
        return False
    return not (one[0] == other[0] == "set" and one[2] != other[2])


@fewer
@given(st.randoms(use_true_random=False), st.integers(min_value=2, max_value=7))
def test_undoing_any_version_is_applying_all_other_changes_or_names_what_overlaps(
    chance: random.Random, length: int
) -> None:
    history = History(chance)
    for _ in range(length):
        history.edit()
    live = history.versions[-1]
    for number, done in enumerate(history.edits):
        later = [edit for edits in history.edits[number + 1 :] for edit in edits]
        found = undone(history.versions[number], history.versions[number + 1], live)
        if any(overlapping(edit, other) for edit in done for other in later):
            continue  # told or not, as the values have it: what overlaps may also have been set back
        assert found.overlaps == ()
        expected = copy.deepcopy(history.versions[number])
        for edit in later:
            apply(expected, edit)
        made = value_of(found)
        assert made["words"] == expected["words"]
        assert {rule["id"]: rule for rule in made["rules"]} == {rule["id"]: rule for rule in expected["rules"]}
        if not found.put_back:
            assert made == expected
