"""The lock file names every package with its hashes, and no place to fetch it from."""

from tests import lock

ENTRY = "celery==5.7.0 \\\n    --hash=sha256:" + "a" * 64 + "\n"
ADDRESS = "://".join(("https", "somewhere"))
INDEX = "-".join(("index", "url"))
"""Put together here, so that no line of the repository looks like the place of an index."""


def test_the_lock_file_has_hashes_and_no_address() -> None:
    assert lock.faults(lock.LOCK.read_text()) == []


def test_an_address_an_index_or_a_missing_hash_is_a_fault() -> None:
    assert lock.faults(ENTRY) == []
    for spoiled in (
        f"--{INDEX} {ADDRESS}\n{ENTRY}",
        f"--extra-{INDEX} internal\n{ENTRY}",
        f"{ENTRY}django @ {ADDRESS}\n",
        "celery==5.7.0 \\\n\n",
        "",
    ):
        assert lock.faults(spoiled), spoiled


def test_a_direct_dependency_that_is_missing_or_outside_its_bounds_is_a_fault() -> None:
    def told(dependency: str) -> list[str]:
        project = f'[project]\ndependencies = ["{dependency}"]\n[dependency-groups]\ndev = []\n'
        return lock.outside_bounds(ENTRY, project)

    assert told("celery>=5.7,<6") == []
    assert told("celery>=6")
    assert told("redis>=8")


def test_the_lock_file_fits_the_project() -> None:
    project = (lock.CHECKOUT / "pyproject.toml").read_text()
    assert lock.outside_bounds(lock.LOCK.read_text(), project) == []
