"""One image, or the plots of one metric, at a time, and stepping from it to its neighbours. Functions of a
connection.

What is shown together is a view: of images one metric and variant, of plots one metric with all its variants.
Views are in the order of their names; a step goes to the neighbouring view of the same iteration, and from
the first or last of them to the neighbouring iteration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from node.events.documents import document
from node.events.kinds import Document, EventKind, Variants
from node.events.plots import oldest_valid
from node.events.series import series_of
from node.events.writing import POINTS

Row = Mapping[str, Any]
View = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """What is looked at: `variant` is None for plots; `own_metric`: steps stay within the metric."""

    task: str
    kind: EventKind
    metric: str
    variant: str | None
    iteration: int
    own_metric: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """The events of a view at an iteration, and the first and last iteration that it has."""

    events: list[Document]
    low: int
    high: int
    position: Position


def at(
    connection: sa.Connection,
    task: str,
    kind: EventKind,
    metric: str,
    variant: str | None,
    iteration: int | None,
    *,
    own_metric: bool,
) -> Sample | None:
    """The latest sample of a view, at or before an iteration if one is given; None if there is none."""
    wanted = Variants(metric, () if variant is None else (variant,))
    rows = _Rows(connection, task, kind, [wanted])
    found = rows.nearest(rows.rows, None if iteration is None else iteration + 1, earlier=True)
    if found is None:
        return None
    return rows.sample(Position(task, kind, metric, variant, found, own_metric), rows.rows)


def step(connection: sa.Connection, here: Position, *, earlier: bool, next_iteration: bool) -> Sample | None:
    """The neighbour of a sample, None if it is the last one that way. `next_iteration`: the neighbouring
    iteration of the same view."""
    rows = _Rows(connection, here.task, here.kind, [Variants(here.metric)] if here.own_metric else ())
    views = rows.views()
    own = _view(here.kind, here.metric, here.variant or "")
    if next_iteration:
        iteration = rows.nearest(views.get(own, ()), here.iteration, earlier=earlier)
        chosen = own
    else:
        iteration = here.iteration
        beside = [view for view in rows.present(iteration) if (view < own if earlier else view > own)]
        if not beside:
            iteration = rows.nearest(rows.rows, here.iteration, earlier=earlier)
            beside = [] if iteration is None else rows.present(iteration)
        chosen = own if not beside else (beside[-1] if earlier else beside[0])
    if iteration is None:
        return None
    variant = chosen[1] if here.kind is EventKind.IMAGE else None
    place = replace(here, metric=chosen[0], variant=variant, iteration=iteration)
    return rows.sample(place, views[chosen])


def _view(kind: EventKind, metric: str, variant: str) -> View:
    return (metric, variant) if kind is EventKind.IMAGE else (metric,)


class _Rows:
    """The series that are looked through, with the iterations from which each still holds."""

    def __init__(
        self, connection: sa.Connection, task: str, kind: EventKind, metrics: Sequence[Variants]
    ) -> None:
        self._connection, self._kind, self._table = connection, kind, POINTS[kind]
        self.rows = series_of(connection, [task], [kind], metrics)
        self._valid: dict[int, int] = {}

    def views(self) -> dict[View, list[Row]]:
        found: dict[View, list[Row]] = {}
        for row in self.rows:
            found.setdefault(_view(self._kind, row["metric"], row["variant"]), []).append(row)
        return found

    def present(self, iteration: int) -> list[View]:
        """The views that have something at an iteration, in order."""
        found = {
            _view(self._kind, row["metric"], row["variant"])
            for row in self.rows
            if self._edge(row, self._table.c.iteration == iteration, latest=True) is not None
        }
        return sorted(found)

    def nearest(self, rows: Iterable[Row], iteration: int | None, *, earlier: bool) -> int | None:
        """The last iteration before, or the first after, one (None: the last or first of all)."""
        here = self._table.c.iteration
        beyond = sa.true() if iteration is None else here < iteration if earlier else here > iteration
        edges = [self._edge(row, beyond, latest=earlier) for row in rows]
        found = [edge for edge in edges if edge is not None]
        return (max(found) if earlier else min(found)) if found else None

    def sample(self, position: Position, rows: Sequence[Row]) -> Sample:
        events = []
        for row in rows:
            here = (self._table.c.series == row["id"]) & (self._table.c.iteration == position.iteration)
            points = self._connection.execute(sa.select(self._table).where(here))
            events += [document(row, self._kind, point) for point in points]
        low, high = (self.nearest(rows, None, earlier=earlier) for earlier in (False, True))
        assert low is not None and high is not None  # noqa: S101 (there is a sample)
        return Sample(events, low, high, position)

    def _edge(self, row: Row, where: sa.ColumnElement[bool], *, latest: bool) -> int | None:
        here = self._table.c.iteration
        edge = sa.select(here).where((self._table.c.series == row["id"]) & where)
        if self._kind is EventKind.IMAGE:
            if row["id"] not in self._valid:
                self._valid[row["id"]] = oldest_valid(self._connection, row["id"])
            edge = edge.where(here >= self._valid[row["id"]])
        return self._connection.scalar(edge.order_by(here.desc() if latest else here).limit(1))
