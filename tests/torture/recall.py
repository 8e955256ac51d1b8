"""Spare the console's ORM what it has done before: the text of queries of a known shape, and rows nobody has touched.

A history asks a few dozen questions hundreds of times, and most of the time goes into writing down their SQL and
asking PostgreSQL for rows that nobody has touched since. So

- the text around the WHERE of a SELECT is kept by the shape of the query; the WHERE itself is compiled anew each time;
- rows are answered from memory as long as nobody has written to any table that the question names. Exactly one worker
  acts at a time and never hands over inside a transaction, so nothing else can have changed them. Whatever locks or
  writes goes to PostgreSQL always, and every rollback forgets all rows.

`verifying()` does both ways for everything and compares: the proof does so with some of its histories.
"""

import contextlib
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.backends.postgresql.compiler import SQLCompiler  # type: ignore[import-untyped]  # no stubs for it
from django.db.models import Count, Value
from django.db.models.expressions import Col
from django.db.models.sql.constants import GET_ITERATOR_CHUNK_SIZE, MULTI, SINGLE
from django.db.models.sql.datastructures import Join
from django.db.models.sql.query import Query

from tests.torture.stage import Killed, here

_IMMUTABLE: Final = (str, bytes, memoryview, int, float, Decimal, UUID, date, datetime, timedelta, type(None))
_TABLE: Final = re.compile(r"\b(?:tenants|rollbacks|auth)_[a-z]+\b")
_OF_THE_TRAIL: Final = {"rollbacks_auditentry", "rollbacks_audithead"}


class Differs(AssertionError):
    """What was kept is not what the console's own way gives."""


@dataclass
class _Shape:
    """What all SELECTs of one shape share."""

    head: str
    head_params: tuple[Any, ...]
    tail: str
    select: Any
    klass_info: Any
    annotation_col_map: Any
    col_count: int
    converters: dict[int, Any] | None = None


@dataclass
class Memory:
    """What this process knows of the rows of the history that it plays."""

    versions: dict[str, int] = field(default_factory=dict)
    rows: dict[Any, tuple[tuple[int, ...], Any]] = field(default_factory=dict)
    verified: bool = False

    def forget(self) -> None:
        """Know of no row any more."""
        self.rows.clear()

    def written(self, sql: str) -> None:
        """Take in that a statement may have written to each table that it names."""
        names = set(_TABLE.findall(sql)) | (_OF_THE_TRAIL if "append_to_trail" in sql else set())
        if not names:
            self.forget()
        for name in names:
            self.versions[name] = self.versions.get(name, 0) + 1


MEMORY: Final = Memory()
_SHAPES: Final[dict[Any, _Shape | None]] = {}


@contextlib.contextmanager
def verifying() -> Iterator[None]:
    """Hold everything that is recalled against the console's own way for a while; raises Differs."""
    before, MEMORY.verified = MEMORY.verified, True
    try:
        yield
    finally:
        MEMORY.verified = before


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _frozen(one)) for key, one in value.items())
    return value


def _annotation(expression: Any) -> Any:
    """Name an annotation that may be part of a shape; None for any other."""
    if type(expression) is Value and isinstance(expression.value, int):
        return "value", expression.value
    if type(expression) is Count and repr(expression) == "Count('*')":
        return "count"
    return None


def _shape_of(query: Query, *also: Any) -> Any:
    """Name everything of a query that its SQL depends on, besides its WHERE; None where that is not worth it."""
    if (
        query.group_by is not None
        or query.combinator
        or query.distinct
        or query.extra
        or query.extra_tables
        or query.extra_order_by
        or query.explain_info
        or getattr(query, "_filtered_relations", None)
        or not all(type(one) is str for one in query.order_by)
        or not all(type(one) is Col for one in query.select)
    ):
        return None
    annotations = [(name, _annotation(one)) for name, one in query.annotations.items()]
    if any(named is None for _, named in annotations):
        return None
    mask = query.annotation_select_mask
    joins = tuple(
        (alias, join.join_type, getattr(join, "parent_alias", None), join.table_name, query.alias_refcount[alias] > 0)
        + ((join.join_field, join.nullable) if isinstance(join, Join) else ())
        for alias, join in query.alias_map.items()
    )
    updating = query.select_for_update and (
        query.select_for_update_nowait,
        query.select_for_update_skip_locked,
        query.select_for_update_of,
        query.select_for_no_key_update,
    )
    return (
        query.model,
        query.default_cols,
        tuple((one.alias, one.target) for one in query.select if isinstance(one, Col)),
        query.values_select,
        _frozen(query.selected),
        tuple(annotations),
        None if mask is None else tuple(mask),
        query.order_by,
        query.default_ordering,
        query.standard_ordering,
        query.low_mark,
        query.high_mark,
        updating,
        _frozen(query.select_related),
        (frozenset(query.deferred_loading[0]), query.deferred_loading[1]),
        query.subquery,
        query.alias_prefix,
        tuple(query.external_aliases.items()),
        joins,
        also,
    )


class Recalling(SQLCompiler):  # type: ignore[misc]  # no stubs for it
    """The ORM's compiler of SELECTs, with a memory; what a worker asks is answered from it where it can be."""

    shape: _Shape | None = None
    once: tuple[str, tuple[Any, ...]] | None = None
    """What `as_sql` gives the next time, where it was asked for already."""

    def as_sql(self, with_limits: bool = True, with_col_aliases: bool = False) -> Any:
        """Give the text and its parameters."""
        if self.once is not None:
            given, self.once = self.once, None
            return given
        query = self.query
        key = _shape_of(query, with_limits, with_col_aliases)
        if key is None or (query.select_for_update and self.connection.get_autocommit()):
            return super().as_sql(with_limits, with_col_aliases)
        if key not in _SHAPES:
            return self._learn(key, with_limits, with_col_aliases)
        shape = _SHAPES[key]
        if shape is None:
            return super().as_sql(with_limits, with_col_aliases)
        self.shape = shape
        self.select, self.klass_info, self.annotation_col_map = shape.select, shape.klass_info, shape.annotation_col_map
        self.col_count, self.has_extra_select = shape.col_count, False
        self.where, self.having, self.qualify = query.where, None, None
        try:
            where, params = self.compile(query.where)
        except EmptyResultSet:
            if self.elide_empty:
                raise
            where, params = "0 = 1", ()
        except FullResultSet:
            where, params = "", ()
        text = f"{shape.head} WHERE {where}{shape.tail}" if where else shape.head + shape.tail
        given = text, (*shape.head_params, *params)
        if MEMORY.verified:
            right = SQLCompiler(query, self.connection, self.using, self.elide_empty)
            _compare(given, right.as_sql(with_limits, with_col_aliases))
            _compare([str(one[1:]) for one in shape.select], [str(one[1:]) for one in right.select])
        return given

    def _learn(self, key: Any, *how: bool) -> Any:
        """Compile the first query of a shape and keep what the next ones will share."""
        text, params = super().as_sql(*how)
        try:
            where, w_params = self.compile(self.where)
        except (EmptyResultSet, FullResultSet):
            return text, params
        _SHAPES[key] = None
        head, found, tail = text.partition(f" WHERE {where}")
        before = tuple(params)[: len(params) - len(w_params)]
        alone = bool(found) and f" WHERE {where}" not in tail and "%s" not in tail and not self.has_extra_select
        if alone and tuple(params) == (*before, *w_params) and head.count("%s") == len(before):
            _SHAPES[key] = _Shape(
                head, before, tail, self.select, self.klass_info, self.annotation_col_map, self.col_count
            )
        return text, params

    def execute_sql(
        self,
        result_type: str = MULTI,
        chunked_fetch: bool = False,
        chunk_size: int = GET_ITERATOR_CHUNK_SIZE,
    ) -> Any:
        """Give the rows: from memory where nobody has written to any of their tables since."""
        standing = here()
        if standing is None or chunked_fetch or result_type not in (MULTI, SINGLE) or self.query.select_for_update:
            return super().execute_sql(result_type, chunked_fetch, chunk_size)
        if standing[1].dead:
            raise Killed
        try:
            text, params = self.as_sql()
        except EmptyResultSet:
            return iter([]) if result_type == MULTI else None
        self.once = text, params
        names = _tables_in(text)
        key = (text, tuple(params), result_type)
        if not names or "TIMESTAMP" in text or not all(isinstance(one, _IMMUTABLE) for one in params):
            return super().execute_sql(result_type)
        stands = tuple([MEMORY.versions.get(name, 0) for name in names])
        kept = MEMORY.rows.get(key)
        if kept is not None and kept[0] == stands:
            self.connection.validate_no_broken_transaction()
            if MEMORY.verified:
                _compare(kept[1], super().execute_sql(result_type))
            self.once = None
            return list(kept[1]) if result_type == MULTI else kept[1]
        found = super().execute_sql(result_type)
        rows = [row for chunk in found for row in chunk] if result_type == MULTI else [found or ()]
        if all(isinstance(value, _IMMUTABLE) for row in rows for value in row):
            MEMORY.rows[key] = stands, found
        return list(found) if result_type == MULTI else found

    def get_converters(self, expressions: Any) -> Any:
        """Give what turns columns into values; the same for all queries of a shape."""
        shape = self.shape
        if shape is None or len(expressions) != shape.col_count:
            return super().get_converters(expressions)
        if shape.converters is None:
            shape.converters = super().get_converters(expressions)
        return shape.converters


@functools.lru_cache(maxsize=2000)
def _tables_in(text: str) -> tuple[str, ...]:
    return tuple(sorted(set(_TABLE.findall(text))))


def _compare(given: Any, right: Any) -> None:
    if given != right and tuple(map(tuple, given)) != tuple(map(tuple, right)):
        message = f"recalled {given}, the console's own way gives {right}"
        raise Differs(message)
