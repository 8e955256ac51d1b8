"""A document composed from live and what was chosen: nothing else moves, nothing is guessed, nothing is lost."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tenants.documents import (
    Choice,
    Composed,
    Grain,
    NotAPart,
    Side,
    Touched,
    composed,
    load,
    locate,
    parts,
    place_text,
    to_text,
)
from tenants.documents.canonical import digest

GRAIN = Grain()


def raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else to_text(value).encode()


def side(value: Any) -> Side:
    written = raw(value)
    return Side(load(written), written)


def chosen(live: Any, target: Any, *, only: tuple[str, ...] = (), keep: tuple[str, ...] = ()) -> Composed:
    """Go back from live to a target as far as it is chosen."""
    here, there = side(live), side(target)

    def places(pointers: tuple[str, ...]) -> list[Any]:
        return [locate(one, base=here.value, live=here.value, other=there.value, grain=GRAIN) for one in pointers]

    choice = Choice(only=places(only), keep=places(keep))
    return composed(base=here, live=here, other=there, grain=GRAIN, choice=choice)


def undone(before: Any, after: Any, live: Any) -> Composed:
    """Undo the change before -> after on live."""
    return composed(base=side(after), live=side(live), other=side(before), grain=GRAIN)


def value_of(found: Composed) -> Any:
    return json.loads(found.raw)


def places_of(before: Any, after: Any) -> list[tuple[str, str]]:
    return [(one.change.kind, place_text(one.place)) for one in parts(load(raw(before)), load(raw(after)), grain=GRAIN)]


RULES_THEN = b"""{"rules": [
    {"id": "refund", "name": "Refund request", "minConfidence": 0.70},
    {"id": "upgrade", "name": "Upgrade offer", "minConfidence": 0.50},
    {"id": "legal", "name": "Legal"},
    {"id": "complaint", "name": "Complaint", "enabled": true}
  ], "tags": ["billing", "emea"], "fallback": {"type": "none"}}"""
RULES_NOW = b"""{"rules": [
    {"id": "complaint", "name": "Complaint", "enabled": false},
    {"id": "refund", "name": "Refund request", "minConfidence": 3.5e-1},
    {"id": "legal", "name": "Legal"},
    {"id": "payment", "name": "Payment failed", "minConfidence": 0.60}
  ], "tags": ["billing", "emea", "vip"], "fallback": {"type": "none"}, "language": "en-GB"}"""


def test_parts_name_items_by_their_key_and_tell_where_an_item_stands_from_what_it_holds() -> None:
    assert places_of(RULES_NOW, RULES_THEN) == [
        ("changed", "/rules/id=refund/minConfidence"),
        ("added", "/rules/id=upgrade"),
        ("moved", "/rules/order:id=complaint"),
        ("changed", "/rules/id=complaint/enabled"),
        ("removed", "/rules/id=payment"),
        ("removed", "/tags/=vip"),
        ("removed", "/language"),
    ]


def test_what_is_kept_stays_byte_for_byte_and_the_rest_is_spelled_as_it_was() -> None:
    found = chosen(
        RULES_NOW, RULES_THEN, keep=("/rules/id=payment", "/tags/=vip", "/language", "/rules/order:id=complaint")
    )
    assert found.overlaps == ()
    assert found.raw == (
        b"""{"rules": [
    {"id": "complaint", "name": "Complaint", "enabled": true},
    {"id": "refund", "name": "Refund request", "minConfidence": 0.70},
    {"id": "upgrade", "name": "Upgrade offer", "minConfidence": 0.50},
    {"id": "legal", "name": "Legal"},
    {"id": "payment", "name": "Payment failed", "minConfidence": 0.60}
  ], "tags": ["billing", "emea", "vip"], "fallback": {"type": "none"}, "language": "en-GB"}"""
    )
    assert found.put_back == ()


def test_an_item_that_comes_back_where_later_work_put_another_stands_behind_its_own_and_that_is_told() -> None:
    before = {"rules": [{"id": "a"}, {"id": "b"}]}
    found = undone(before, {"rules": [{"id": "a"}]}, {"rules": [{"id": "a"}, {"id": "c"}]})
    assert value_of(found) == {"rules": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}
    [told] = found.put_back
    assert (told.trail, told.item, told.behind, told.before) == (("rules",), "b", "a", "c")


def test_only_what_is_named_is_restored_added_items_removed_ones_and_an_order() -> None:
    assert [one["id"] for one in value_of(chosen(RULES_NOW, RULES_THEN, only=("/rules/id=payment",)))["rules"]] == [
        "complaint",
        "refund",
        "legal",
    ]
    back = value_of(chosen(RULES_NOW, RULES_THEN, only=("/rules/id=upgrade", "/rules/order:id=complaint")))
    assert [one["id"] for one in back["rules"]] == ["refund", "upgrade", "legal", "complaint", "payment"]
    assert back["rules"][3]["enabled"] is False
    assert back["tags"] == ["billing", "emea", "vip"]
    one_value = chosen(RULES_NOW, RULES_THEN, only=("/rules/id=refund/minConfidence",))
    assert one_value.raw == RULES_NOW.replace(b"3.5e-1", b"0.70")


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("/rules/id=refund", "/rules/id=refund"),
        ("/rules/3/minConfidence", "refused"),
        ("/tags/2", "/tags/=vip"),
        ("/tags/0", "/tags/=billing"),
        ("/language", "/language"),
        ("/fallback/type", "/fallback/type"),
    ],
)
def test_an_index_names_an_item_where_it_means_one_thing(pointer: str, place: str) -> None:
    now, then = load(RULES_NOW), load(RULES_THEN)
    if place == "refused":
        with pytest.raises(NotAPart) as refused:
            locate(pointer, base=now, live=now, other=then, grain=GRAIN)
        assert str(refused.value) == (
            '/rules/3 is id "complaint" there and id "payment" on live. Name the item instead: '
            "/rules/id=complaint or /rules/id=payment."
        )
    else:
        assert place_text(locate(pointer, base=now, live=now, other=then, grain=GRAIN)) == place


@pytest.mark.parametrize(
    ("pointer", "sentence"),
    [
        ("/nowhere", "'nowhere' is not there."),
        ("/rules/id=nobody", "'id=nobody' is not there."),
        ("/rules/id=payment/minConfidence", "/rules/id=payment is only on one side, so it can be taken only whole."),
        ("/fallback/type/deeper", "/fallback/type is no object or list on each side, so it can be taken only whole."),
    ],
)
def test_what_is_no_part_is_refused_with_a_sentence(pointer: str, sentence: str) -> None:
    now, then = load(RULES_NOW), load(RULES_THEN)
    with pytest.raises(NotAPart) as refused:
        locate(pointer, base=now, live=now, other=then, grain=GRAIN)
    assert str(refused.value) == sentence


def test_undoing_one_change_keeps_later_work_on_other_places_and_other_items() -> None:
    before = {"rules": [{"id": "a", "limit": 1}, {"id": "b", "limit": 2}, {"id": "d"}], "greeting": "Hello"}
    after = {"rules": [{"id": "b", "limit": 2}, {"id": "d"}, {"id": "a", "limit": 9}], "greeting": "Welcome"}
    live: Any = copy.deepcopy(after) | {"language": "en-GB"}
    live["rules"][0]["limit"] = 7
    live["rules"].append({"id": "c", "limit": 3})
    found = undone(before, after, live)
    assert (found.overlaps, found.put_back) == ((), ())
    assert value_of(found) == {
        "rules": [{"id": "a", "limit": 1}, {"id": "b", "limit": 7}, {"id": "d"}, {"id": "c", "limit": 3}],
        "greeting": "Hello",
        "language": "en-GB",
    }


def test_an_item_that_was_renamed_meanwhile_is_the_same_item() -> None:
    before = {"rules": [{"name": "Refund", "limit": 1, "on": True}, {"name": "Upgrade", "limit": 2, "on": True}]}
    after = {"rules": [{"name": "Refund", "limit": 5, "on": True}, {"name": "Upgrade", "limit": 2, "on": True}]}
    live = {"rules": [{"name": "Refunds", "limit": 5, "on": True}, {"name": "Upgrade", "limit": 2, "on": False}]}
    found = undone(before, after, live)
    assert found.overlaps == ()
    assert value_of(found) == {
        "rules": [{"name": "Refunds", "limit": 1, "on": True}, {"name": "Upgrade", "limit": 2, "on": False}]
    }


def test_texts_that_were_replaced_in_their_places_are_told_by_their_index() -> None:
    before = {"tags": ["billing", "tier-1", "gdpr-reviewed"]}
    after = {"tags": ["billing", "tier-1", "gdpr-2026"]}
    found = undone(before, after, {"tags": ["billing", "tier-2", "gdpr-2026"]})
    assert (found.overlaps, value_of(found)) == ((), {"tags": ["billing", "tier-2", "gdpr-reviewed"]})
    assert places_of(before, after) == [("changed", "/tags/2")]


def test_items_that_nothing_names_are_found_by_what_they_hold() -> None:
    before = {"sites": [{"rules": [n]} for n in (1, 2, 3)]}
    after = {"sites": [{"rules": [n]} for n in (1, 3)]}
    live = {"sites": [{"rules": [n]} for n in (7, 1, 3, 4)]}
    found = undone(before, after, live)
    assert found.overlaps == ()
    assert value_of(found) == {"sites": [{"rules": [n]} for n in (7, 1, 2, 3, 4)]}


@pytest.mark.parametrize(
    ("before", "after", "live", "place"),
    [
        ({"a": 1}, {"a": 2}, {"a": 3}, "/a"),
        ({"a": 1}, {"a": 2}, {}, "/a"),
        ({}, {"a": {"b": 1}}, {"a": {"b": 2}}, "/a"),
        ({"r": [{"id": 1, "x": 1}]}, {"r": []}, {"r": [{"id": 1, "x": 2}]}, "/r/id=1"),
        ({"r": [{"id": 1}]}, {"r": [{"id": 1}, {"id": 2}]}, {"r": [{"id": 1}, {"id": 2, "x": 1}]}, "/r/id=2"),
        # Nothing tells which of equal items is which, and where a text goes among texts is not told by any key.
        ({"r": [1, 1, 2]}, {"r": [1, 2, 1]}, {"r": [1, 2, 2]}, "/r"),
        ({"r": ["a", "b"]}, {"r": ["a"]}, {"r": ["a", "c"]}, "/r"),
        ({"r": ["tier-0", "a"]}, {"r": ["tier-1", "a"]}, {"r": ["a", "tier-2"]}, "/r"),
        ({"r": [{"x": [0]}, {"x": [9]}]}, {"r": [{"x": [1]}, {"x": [9]}]}, {"r": [{"x": [9]}, {"x": [2]}]}, "/r"),
        # What the change brought is gone, or it is what came since.
        ({"r": [{"x": [1]}]}, {"r": [{"x": [1]}, {"x": [2]}]}, {"r": [{"x": [1]}, {"x": [3]}]}, "/r"),
        ({"r": ["a", "b", "c"]}, {"r": ["c", "a", "b"]}, {"r": ["b", "c", "a"]}, "/r"),
        (
            {"r": [{"id": n} for n in (1, 2, 3)]},
            {"r": [{"id": n} for n in (3, 1, 2)]},
            {"r": [{"id": n} for n in (2, 3, 1)]},
            "/r",
        ),
    ],
)
def test_where_both_touched_one_place_both_sides_are_told_and_live_stays(
    before: Any, after: Any, live: Any, place: str
) -> None:
    found = undone(before, after, live)
    assert [place_text(one.place) for one in found.overlaps] == [place]
    assert value_of(found) == live
    assert found.raw == raw(live)


def test_what_overlaps_may_be_left_as_it_is_on_live_and_the_rest_is_undone() -> None:
    before, after, live = {"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 3, "b": 2}
    sides = [side(one) for one in (after, live, before)]
    place = locate("/a", base=sides[0].value, live=sides[1].value, other=sides[2].value, grain=GRAIN)
    found = composed(base=sides[0], live=sides[1], other=sides[2], grain=GRAIN, choice=Choice(keep=[place]))
    assert (found.overlaps, value_of(found)) == ((), {"a": 3, "b": 1})


def test_what_is_set_apart_is_neither_a_part_nor_taken() -> None:
    grain = Grain(roots=frozenset({"lines", "owner"}), whole=frozenset({"owner"}), volatile=("/lines/*/status",))
    now = {"version": 7, "lines": [{"id": "l", "status": "up", "limit": 2}], "owner": {"id": "u-1", "name": "Ines"}}
    then = {"version": 3, "lines": [{"id": "l", "status": "down", "limit": 1}], "owner": {"id": "u-2", "name": "Tom"}}
    found = parts(load(raw(now)), load(raw(then)), grain=grain)
    assert [place_text(one.place) for one in found] == ["/lines/id=l/limit", "/owner"]
    keep = [found[1].place]
    made = composed(base=side(now), live=side(now), other=side(then), grain=grain, choice=Choice(keep=keep))
    assert value_of(made) == now | {"lines": [{"id": "l", "status": "up", "limit": 1}]}
    with pytest.raises(NotAPart):
        locate("/owner/id", base=load(raw(now)), live=load(raw(now)), other=load(raw(then)), grain=grain)


def test_a_null_that_is_as_good_as_nothing_is_no_difference() -> None:
    grain = Grain(null_is_absent=True)
    assert parts({"title": None}, {}, grain=grain) == []
    made = composed(base=side({"title": None}), live=side({"title": None}), other=side({"title": "Lead"}), grain=grain)
    assert value_of(made) == {"title": "Lead"}


@pytest.mark.parametrize("member", ["", "sha256"])
def test_a_member_whose_name_means_something_else_in_a_place_names_no_item(member: str) -> None:
    found = [place for _, place in places_of({"tags": [{member: "emea"}]}, {"tags": []})]
    assert found == [f"/tags/sha256={digest(load(raw({member: 'emea'})))[:12]}"]


def test_places_told_apart_by_other_members_may_be_one() -> None:
    def place(pointer: str, *documents: Any) -> Any:
        here, there = (load(raw(one)) for one in documents)
        return locate(pointer, base=here, live=here, other=there, grain=GRAIN)

    keyed = place("/r/id=1/x", {"r": [{"id": 1, "x": 1}]}, {"r": [{"id": 1, "x": 2}]})
    other = place("/r/id=2/x", {"r": [{"id": 2, "x": 1}]}, {"r": [{"id": 2, "x": 2}]})
    named = place("/r/name=a/x", {"r": [{"name": "a", "x": 1}]}, {"r": [{"name": "a", "x": 2}]})
    touched = Touched([keyed])
    assert not touched.may_be(other)
    assert touched.may_be(named)
    assert touched.may_be(keyed[:1])
    assert not touched.may_be(("r2",))
    assert touched.in_the_list_of(other) == 1
    order = place("/r/order:id=1", {"r": [{"id": 1, "x": 1}]}, {"r": [{"id": 1, "x": 2}]})
    assert not touched.may_be(order)
    assert Touched([keyed[:2]]).may_be(order)
