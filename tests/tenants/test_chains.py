"""Documents in chains: they read back exactly, whatever is dropped, packed anew or broken, and in few queries."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from tenants import chains, repacking
from tenants.chains import UnusableContent
from tenants.documents import packing
from tenants.models import Document, Snapshot, Tenant, TrackedConfig

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Let every test read from the database what it leans on."""
    chains._recent.clear()
    yield
    chains._recent.clear()


def version(number: int, *, of: str = "Billing EMEA", rules: int = 60) -> bytes:
    """Give a configuration of a few KB in which each version differs from the one before in two places."""
    lines = [f'{{"id": "r-{of}-{one}", "confidence": 0.{(one * 37) % 89}}}' for one in range(rules)]
    lines[number % rules] = f'{{"id": "r-{of}-{number % rules}", "confidence": 0.{number + 100}}}'
    return f'{{"name": "{of}", "version": {number}, "rules": [\r\n{", ".join(lines)}]}}\n'.encode()


def history(count: int, *, of: str = "Billing EMEA") -> list[bytes]:
    raws = [version(number, of=of) for number in range(1, count + 1)]
    after = None
    for raw in raws:
        after = chains.keep(raw, after=after).pk
    return raws


def sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def all_rows() -> list[tuple[int, int, int | None]]:
    rows = Document.objects.filter(chain__isnull=False).order_by("chain", "place")
    first = min((row.chain or 0 for row in rows), default=0)
    return [((row.chain or 0) - first, row.place or 0, row.leans_on) for row in rows]


def drop(*raws: bytes) -> repacking.Dropped:
    with transaction.atomic():
        return repacking.drop([sha(raw) for raw in raws])


@pytest.mark.django_db
def test_a_history_takes_one_chain_after_another_and_each_version_reads_back_with_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    raws = history(203)

    places = all_rows()
    assert [place for _chain, place, _leans_on in places] == [*range(200), *range(3)]
    for _chain, place, leans_on in places:
        assert leans_on == (None if place == 0 else place - 20 if place % 20 == 0 else place - 1)
    for raw in (raws[0], raws[39], raws[40], raws[199], raws[200], raws[202]):
        with django_assert_num_queries(1):
            assert chains.read(sha(raw)) == raw
    with django_assert_num_queries(1):
        assert chains.read_all([sha(raw) for raw in raws]) == {sha(raw): raw for raw in raws}
    plain = sum(map(len, raws))
    assert sum(len(bytes(row.body)) for row in Document.objects.all()) < plain / 20


@pytest.mark.django_db
def test_what_is_stored_once_is_found_again_and_takes_no_second_place() -> None:
    (first,) = history(1)
    again = chains.keep(first, after=sha(first))
    assert (again.pk, again.size, Document.objects.count()) == (sha(first), len(first), 1)


@pytest.mark.django_db
def test_two_configurations_that_share_a_version_go_on_in_one_chain_each_from_there() -> None:
    shared, one, other = version(1), version(2), version(3)
    chains.keep(shared)
    chains.keep(one, after=sha(shared))
    chains.keep(other, after=sha(shared))
    assert all_rows() == [(0, 0, None), (0, 1, 0), (0, 2, 0)]
    assert chains.read_all([sha(other), sha(shared)]) == {sha(other): other, sha(shared): shared}


@pytest.mark.django_db
def test_no_version_is_more_steps_from_its_anchor_than_the_strides_and_what_is_behind_the_last_of_them() -> None:
    raws = history(100)
    leaning = {row.place: row.leans_on for row in Document.objects.all()}

    def steps(place: int | None) -> int:
        return 0 if place is None or leaning[place] is None else 1 + steps(leaning[place])

    assert max(steps(place) for place in leaning) == 4 + 19
    # A stride whose end is gone is one from the place that it leaned on.
    drop(raws[20], raws[39])
    leaning = {row.place: row.leans_on for row in Document.objects.all()}
    assert (leaning[21], leaning[40]) == (0, 0)
    assert chains.read_all([sha(raw) for raw in raws]) == {
        sha(raw): raw for raw in raws if raw not in {raws[20], raws[39]}
    }


@pytest.mark.django_db
def test_where_nothing_is_left_of_what_stood_a_stride_ago_the_version_before_is_leaned_on() -> None:
    def drifted(number: int) -> bytes:
        """Give twenty pieces of noise, one of which is another in each version."""
        pieces = [f"{piece}.{(number - piece + 19) // 20}" for piece in range(20)]
        return b"".join(hashlib.shake_256(piece.encode()).digest(300) for piece in pieces)

    raws, after = [drifted(number) for number in range(22)], None
    for raw in raws:
        after = chains.keep(raw, after=after).pk
    assert all_rows() == [(0, 0, None), *((0, place, place - 1) for place in range(1, 22))]
    assert chains.read_all([sha(raw) for raw in raws]) == {sha(raw): raw for raw in raws}


@pytest.mark.django_db
def test_bodies_of_the_time_before_the_dictionary_go_on_being_read_and_leaned_on() -> None:
    raws = history(3)
    second = Document.objects.get(place=1)
    Document.objects.filter(pk=second.pk).update(body=packing._whole(raws[1], raws[0]))
    chains._recent.clear()
    chains.keep(version(4), after=sha(raws[2]))
    assert chains.read_all([sha(raw) for raw in (*raws, version(4))]) == {sha(raw): raw for raw in (*raws, version(4))}


@pytest.mark.django_db
def test_content_unlike_the_version_before_is_packed_by_itself_in_a_chain_of_its_own() -> None:
    noise = b"".join(hashlib.sha512(bytes([number])).digest() for number in range(60))
    chains.keep(version(1))
    chains.keep(noise, after=sha(version(1)))
    assert all_rows() == [(0, 0, None), (1, 0, None)]
    assert chains.read(sha(noise)) == noise


@pytest.mark.django_db
def test_rows_from_before_the_chains_go_on_being_read_and_can_be_taken_in_later() -> None:
    raws = [version(number) for number in range(1, 5)]
    Document.objects.bulk_create(Document(sha256=sha(raw), body=raw, size=len(raw)) for raw in raws)
    newer = version(5)
    chains.keep(newer, after=sha(raws[-1]))
    assert chains.read_all({sha(raw) for raw in (*raws, newer)}) == {sha(raw): raw for raw in (*raws, newer)}

    for before, raw in zip([newer, *raws[:-1]], raws, strict=True):
        assert repacking.take_in(sha(raw), after=sha(before))
    assert not repacking.take_in(sha(raws[0]), after=None)
    assert {place for _chain, place, _leans_on in all_rows()} == set(range(5))
    assert [chains.read(sha(raw)) for raw in (*raws, newer)] == [*raws, newer]


@pytest.mark.django_db
def test_the_database_refuses_to_lose_what_others_lean_on() -> None:
    history(3)
    second = Document.objects.get(place=1)
    for broken in (
        lambda: Document.objects.filter(pk=second.pk).delete(),
        lambda: Document.objects.filter(pk=second.pk).update(place=7),
        lambda: Document.objects.filter(place=2).update(leans_on=30),
        lambda: Document.objects.filter(place=2).update(leans_on=2),
        lambda: Document.objects.filter(place=2).update(leans_on=5),
        lambda: Document.objects.filter(place=2).update(place=200),
        lambda: Document.objects.filter(place=2).update(place=1),
        lambda: Document.objects.filter(place=2).update(chain=None, place=None),
        lambda: Document.objects.filter(place=0).update(chain=None),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            broken()
    assert all_rows() == [(0, 0, None), (0, 1, 0), (0, 2, 1)]


@pytest.mark.django_db
def test_what_leans_on_a_dropped_document_is_packed_anew_in_the_same_transaction() -> None:
    raws = history(6)
    assert drop(raws[2]) == repacking.Dropped(documents=1, repacked=1)
    assert drop(raws[0], raws[1]) == repacking.Dropped(documents=2, repacked=1)
    assert all_rows() == [(0, 3, None), (0, 4, 3), (0, 5, 4)]
    assert chains.read_all([sha(raw) for raw in raws]) == {sha(raw): raw for raw in raws[3:]}
    assert drop(raws[5]) == repacking.Dropped(documents=1, repacked=0)


@pytest.mark.django_db
def test_several_that_lose_their_anchor_share_the_first_of_them_as_their_anchor() -> None:
    anchor = version(1)
    chains.keep(anchor)
    others = [version(number) for number in (2, 3, 4)]
    for raw in others:
        chains.keep(raw, after=sha(anchor))
    assert drop(anchor) == repacking.Dropped(documents=1, repacked=3)
    assert all_rows() == [(0, 1, None), (0, 2, 1), (0, 3, 1)]
    assert [chains.read(sha(raw)) for raw in others] == others


@pytest.mark.django_db
def test_a_document_that_a_version_shows_is_not_dropped() -> None:
    raws = history(2)
    tenant = Tenant.objects.create(
        slug="bank", name="Bank", region="mypurecloud.de", client_id="c", client_secret_sealed=b"sealed"
    )
    config = TrackedConfig.objects.create(tenant=tenant, resource_type="agentassist.config", object_id="cfg-1")
    Snapshot.objects.create(
        config=config, version=1, document_id=sha(raws[0]), digest=sha(b""), source="live", captured_at=NOON
    )
    assert drop(*raws).documents == 1
    assert chains.read(sha(raws[0])) == raws[0]


@pytest.mark.django_db
def test_damage_is_named_where_it_is_and_nothing_that_leans_on_it_is_used_or_dropped() -> None:
    raws = history(5)
    damaged = Document.objects.get(place=2)
    Document.objects.filter(pk=damaged.pk).update(body=packing.pack(b"x" * damaged.size))

    with pytest.raises(UnusableContent, match=rf"document {damaged.pk[:12]} are not the ones that came: their SHA-256"):
        chains.read(damaged.pk)
    with pytest.raises(UnusableContent, match=rf"{sha(raws[4])[:12]} lean on document {damaged.pk[:12]}, whose bytes"):
        chains.read(sha(raws[4]))
    found = chains.read_all([sha(raw) for raw in raws])
    assert [isinstance(found[sha(raw)], bytes) for raw in raws] == [True, True, False, False, False]
    with pytest.raises(UnusableContent), transaction.atomic():
        repacking.drop([sha(raws[3])])
    assert Document.objects.count() == 5
    # What comes next must be kept all the same: it leans on nothing that cannot be read.
    newest = version(6)
    chains._recent.clear()
    chains.keep(newest, after=sha(raws[4]))
    assert chains.read(sha(newest)) == newest

    for body in (b"", b"\x28\xb5\x2f\xfd", bytes(damaged.body)[:-1], bytes(damaged.body) + b"\x00", raws[2]):
        Document.objects.filter(pk=damaged.pk).update(body=body)
        with pytest.raises(UnusableContent, match="not the ones that came"):
            chains.read(damaged.pk)


@pytest.mark.django_db
def test_a_body_that_would_unpack_to_more_than_it_should_is_not_unpacked() -> None:
    history(2)
    bomb = packing.pack(bytes(300_000_000))
    assert len(bomb) < 30_000
    last = Document.objects.get(place=1)
    Document.objects.filter(pk=last.pk).update(body=bomb)
    with pytest.raises(UnusableContent, match=rf"300000000 bytes instead of {last.size}"):
        chains.read(last.pk)


def test_what_is_packed_is_exact_for_any_bytes_and_damage_never_passes() -> None:
    @settings(max_examples=80)
    @given(st.binary(max_size=400), st.none() | st.binary(max_size=400), st.data())
    def check(raw: bytes, base: bytes | None, data: st.DataObject) -> None:
        body = packing.pack(raw, base=base)
        assert packing.unpack(body, size=len(raw), base=base) == raw
        for broken in (body[:-1], body + b"!", body[: len(body) // 2]):
            with pytest.raises(packing.Damaged):
                packing.unpack(broken, size=len(raw), base=base)
        with pytest.raises(packing.Damaged):
            packing.unpack(body, size=len(raw) + 1, base=base)
        at = data.draw(st.integers(0, len(body) - 1))
        flipped = body[:at] + bytes([body[at] ^ (1 << data.draw(st.integers(0, 7)))]) + body[at + 1 :]
        with contextlib.suppress(packing.Damaged):
            assert len(packing.unpack(flipped, size=len(raw), base=base)) == len(raw)  # its SHA-256 tells

    check()


@pytest.mark.django_db
def test_whatever_is_kept_dropped_and_taken_in_the_rest_reads_back_exactly() -> None:
    step = st.tuples(st.sampled_from(["keep", "keep", "keep", "plain", "drop", "take in"]), st.integers(0, 200))

    @settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(step, min_size=5, max_size=30))
    def check(steps: list[tuple[str, int]]) -> None:
        Document.objects.filter(chain__isnull=False).update(body=b"", leans_on=None)
        Document.objects.all().delete()
        chains._recent.clear()
        there: dict[str, bytes] = {}
        number = 0
        for what, which in steps:
            chosen = list(there)[which % len(there)] if there else None
            if what in {"keep", "plain"}:
                number += 1
                raw = version(number, of=f"Queue {which % 3}", rules=8)
                there[sha(raw)] = raw
                if what == "keep":
                    chains.keep(raw, after=chosen)
                else:
                    Document.objects.create(sha256=sha(raw), body=raw, size=len(raw))
            elif chosen is not None and what == "drop":
                victims = [chosen, *list(there)[: which % 4]]
                with transaction.atomic():
                    repacking.drop(victims)
                for victim in victims:
                    there.pop(victim, None)
            elif chosen is not None:
                repacking.take_in(chosen, after=list(there)[(which + 1) % len(there)])
        assert chains.read_all(list(there)) == there
        assert Document.objects.count() == len(there)

    check()


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_keep_the_next_version_of_one_at_once_take_two_places() -> None:
    (first,) = history(1)
    raws = [version(number) for number in range(2, 10)]
    gate = threading.Barrier(4)

    def work(mine: list[bytes]) -> None:
        try:
            gate.wait(timeout=20)
            for raw in mine:
                chains.keep(raw, after=sha(first))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(raws[number::4] + raws[:2],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert Document.objects.count() == 9
    assert chains.read_all([sha(raw) for raw in (first, *raws)]) == {sha(raw): raw for raw in (first, *raws)}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_on_the_way_back_to_before_the_chains_every_document_is_as_it_came() -> None:
    raws = history(7)
    with pytest.raises(RuntimeError):
        repacking.drop([sha(raws[0])])
    drop(raws[0])
    executor = MigrationExecutor(connection)
    try:
        executor.migrate([("tenants", "0007_indices")])
        with connection.cursor() as cursor:
            cursor.execute("SELECT sha256, body FROM tenants_document")
            assert {sha256: bytes(body) for sha256, body in cursor.fetchall()} == {sha(raw): raw for raw in raws[1:]}
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    assert chains.read_all([sha(raw) for raw in raws[1:]]) == {sha(raw): raw for raw in raws[1:]}
    assert Document.objects.filter(chain__isnull=True).count() == 6


@pytest.mark.django_db
def test_a_key_is_32_bytes_in_the_database_and_hexadecimal_everywhere_else() -> None:
    [raw] = history(1)
    kept = chains.keep(raw)
    assert kept.pk == sha(raw)
    assert Document.objects.get(pk=sha(raw)).pk == sha(raw)
    assert list(Document.objects.filter(sha256__in=[sha(raw)]).values_list("sha256", flat=True)) == [sha(raw)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT sha256 FROM tenants_document")
        assert [bytes(one) for (one,) in cursor.fetchall()] == [hashlib.sha256(raw).digest()]
    with pytest.raises(ValueError, match="no SHA-256"):
        Document.objects.filter(pk="ab12").exists()
    broken = pytest.raises(IntegrityError, match="document_sha256_is_whole")
    with broken, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_document SET sha256 = substr(sha256, 2)")


@pytest.mark.django_db
def test_a_version_behind_one_that_is_in_memory_takes_one_statement(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    first, second, third = version(1), version(2), version(3)
    chains.keep(first)
    with django_assert_num_queries(1):
        chains.keep(second, after=sha(first))
    chains._recent.clear()
    with django_assert_num_queries(2):
        chains.keep(third, after=sha(second))
    assert list(Document.objects.order_by("place").values_list("place", "leans_on")) == [(0, None), (1, 0), (2, 1)]
    assert chains.keep(second, after=sha(first)).place == 1
    assert chains.read_all([sha(raw) for raw in (first, second, third)]) == {
        sha(raw): raw for raw in (first, second, third)
    }
