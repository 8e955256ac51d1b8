"""The harness of `make bench`: what is run, and how a row is told. Nothing here looks at a clock."""

import pytest

from tests.bench import measuring
from tests.bench.measuring import Figures, Measurement


def test_a_row_is_told_with_its_ratio_to_the_median_of_its_peer() -> None:
    peer = Figures("json.loads of both", (1.0, 2.0, 9.0), "")
    row = Figures("comparing", (40.0, 50.0, 90.0), "6.7 KB sent").row(peer)
    assert row == ("comparing", "40.0", "50.0", "0.0", "6.7 KB sent, 25.0 × json.loads of both")
    assert Figures("comparing", (40.0,), "", (30.0,)).row() == ("comparing", "40.0", "40.0", "30.0", "")


def test_where_both_work_the_ratio_is_that_of_their_work_which_a_busy_machine_does_not_change() -> None:
    peer = Figures("json.loads of both", (100.0, 900.0), "", (95.0, 90.0))
    row = Figures("comparing", (4000.0, 500.0), "", (450.0, 470.0)).row(peer)
    assert row == ("comparing", "500.0", "2250.0", "450.0", "5.00 × json.loads of both")
    waiting = Figures("60 GETs", (400.0,), "", (20.0,))
    assert Figures("importing", (800.0,), "", (600.0,)).row(waiting)[-1] == "2.0 × 60 GETs"


def test_a_measurement_is_never_run_without_its_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_prepared: object) -> str | None:
        return None

    known = [Measurement(name, lambda: None, nothing, peer) for name, peer in (("a", ""), ("b", ""), ("c", "a"))]
    monkeypatch.setattr(measuring, "MEASUREMENTS", known)
    assert [one.name for one in measuring.chosen("c")] == ["a", "c"]
    assert [one.name for one in measuring.chosen("")] == ["a", "b", "c"]


def test_the_first_act_warms_up_and_is_not_counted() -> None:
    acts: list[object] = []

    def act(prepared: object) -> str:
        acts.append(prepared)
        return f"act {len(acts)}"

    figures = measuring.run(Measurement("m", lambda: "prepared", act), rounds=3)
    assert acts == ["prepared"] * 4
    assert (len(figures.times), len(figures.worked), figures.note) == (3, 3, "act 4")
    assert "m" in measuring.table([figures.row()])
