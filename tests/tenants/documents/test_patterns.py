"""A pattern names every place that it can mean, and nothing beside it."""

from tenants.documents import Value, found, load, without

CHECKLIST: dict[str, Value] = load(  # type: ignore[assignment]
    b'{"name": "Card block", "checklistItems": [{"id": "a", "tags": ["x", "y"]}, {"id": "b"}, 7], "byPhase": '
    b'{"open": {"id": "c"}, "close": {"id": "d"}}}'
)


def test_a_star_is_any_item_of_a_list_or_any_member_of_an_object() -> None:
    assert list(found(CHECKLIST, "/checklistItems/*/id")) == [
        ("/checklistItems/0/id", "a"),
        ("/checklistItems/1/id", "b"),
    ]
    assert list(found(CHECKLIST, "/byPhase/*/id")) == [("/byPhase/open/id", "c"), ("/byPhase/close/id", "d")]
    assert list(found(CHECKLIST, "/checklistItems/*/tags/*")) == [
        ("/checklistItems/0/tags/0", "x"),
        ("/checklistItems/0/tags/1", "y"),
    ]


def test_a_pattern_without_a_star_is_a_pointer_and_one_that_leads_nowhere_finds_nothing() -> None:
    assert list(found(CHECKLIST, "/checklistItems/1/id")) == [("/checklistItems/1/id", "b")]
    for nowhere in ("/queue/id", "/name/*", "/checklistItems/5", "/checklistItems/x"):
        assert list(found(CHECKLIST, nowhere)) == []


def test_what_stands_at_a_pattern_is_left_out_and_the_given_object_stays_as_it_is() -> None:
    left = without(CHECKLIST, ["/checklistItems/*/id", "/byPhase/open", "/nowhere/*/id"])

    assert left == load(
        b'{"name": "Card block", "checklistItems": [{"tags": ["x", "y"]}, {}, 7], "byPhase": {"close": {"id": "d"}}}'
    )
    assert [item for _, item in found(CHECKLIST, "/checklistItems/*/id")] == ["a", "b"]


def test_items_of_a_list_can_be_left_out_too() -> None:
    assert without({"days": [1, 2, 3]}, ["/days/1"]) == {"days": [1, 3]}
    assert without({"days": [1, 2, 3]}, ["/days/*"]) == {"days": []}
