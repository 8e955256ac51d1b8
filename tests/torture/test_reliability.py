"""What the proofs came to is told in full: on the terminal, and on a page that keeps what was not repeated."""

from pathlib import Path

from tests.torture import reliability
from tests.torture.proofs import PROOFS, Report, Scale, Table

SIMULATION, TAMPERING = (next(one for one in PROOFS if one.name == name) for name in ("simulation", "tampering"))
HELD = Report(
    tried="1,000 histories, seeds 1 to 1000.",
    tables=[Table("Faults", ("kind", "hit"), [("drop | before", 12_345)])],
    bound="Rule of three: under 0.3%.",
    not_tried=("machines whose clocks differ",),
)
BROKEN = Report(tried="Ten attacks.", broken=["the attack of seed 7 was not found"], bound="Rule of three: under 1%.")


def test_a_report_on_the_terminal_has_its_figures_in_columns() -> None:
    said = reliability.to_text(SIMULATION, HELD, seconds=61.2)
    assert "== The guarded write under seeded faults (61 s)" in said
    assert "  kind              hit\n  drop | before  12,345" in said
    assert said.endswith("Rule of three: under 0.3%.")


def test_a_broken_promise_takes_the_place_of_the_bound() -> None:
    said = reliability.to_text(TAMPERING, BROKEN, seconds=1)
    assert "BROKEN: the attack of seed 7 was not found" in said
    assert "Rule of three" not in said


def test_the_page_keeps_the_newest_run_of_each_proof(tmp_path: Path) -> None:
    reliability.record(SIMULATION, BROKEN, scale=Scale.ROUND, first_seed=1, seconds=3, docs=tmp_path)
    reliability.record(TAMPERING, BROKEN, scale=Scale.ROUND, first_seed=1, seconds=3, docs=tmp_path)
    reliability.record(SIMULATION, HELD, scale=Scale.RELEASE, first_seed=5, seconds=3600, docs=tmp_path)
    page = (tmp_path / "RELIABILITY.md").read_text("utf-8")
    assert page.count("Ten attacks.") == 1
    assert "- **Broken:** the attack of seed 7 was not found" in page
    assert "| drop \\| before | 12,345 |" in page
    assert "first seed 5, 3,600 s" in page
    assert "`make torture PROOF=simulation SCALE=release`" in page
    assert "- machines whose clocks differ" in page
    assert "- a live organization of the platform" in page
