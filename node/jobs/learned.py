"""What a job that learns has gathered: statistics, or the last rows of a project with a rolling window."""

from __future__ import annotations

from collections import deque

from federation.statistics import Learner, Moments, Schema, Table
from node import window
from node.project_options import ProjectOptions
from node.row_filter import naming_rows
from node.sources import joined


class Learned:
    """Rows learned one table after the other by the schema that the node agreed to.

    read: rows seen; rows: those of them that the row filter lets through, or the runs of tokens in them.
    """

    def __init__(self, schema: Schema, options: ProjectOptions) -> None:
        self.schema, self._options = schema, options
        self.read = self.rows = 0
        self._learner = Learner(schema)
        self._last: deque[Table] = deque()
        self._before: Table | None = None

    def learn(self, table: Table, first: int) -> None:
        """Raises LearnError naming the row, the table's first having the number `first`; BadRequest."""
        self.read += table.rows
        counted, kept = self._options.prepare(self._continued(table))
        self.rows += counted.rows
        with naming_rows(kept, first):
            if self._options.window is None:
                self._learner.learn(counted, first)
            else:
                Learner(self.schema).learn(counted, first)  # so that what cannot be learned is named here
                self._roll(counted, self._options.window)

    def _continued(self, table: Table) -> Table:
        """The table; one column of a sequence begins with the last tokens of the table before, so that runs
        of tokens reach over the border."""
        order = self._options.order
        if order is None or len(table.names) != 1:
            return table
        whole = table if self._before is None else joined([self._before, table])
        self._before = whole.slice(max(0, whole.rows - order))
        return whole

    def _roll(self, table: Table, size: int) -> None:
        self._last.append(window.last_rows(table, size))
        held = sum(part.rows for part in self._last)
        while held - self._last[0].rows >= size:
            held -= self._last.popleft().rows
        if held > size:
            self._last[0] = self._last[0].slice(held - size)

    def remarks(self) -> list[str]:
        """What is to be told beside the result."""
        if self._options.order is not None:
            return [f"{self.rows} runs of {self._options.order + 1} tokens in {self.read} rows"]
        if self._options.row_filter is None:
            return []
        return [f"{self.rows} of {self.read} rows pass the row filter"]

    def to_bytes(self) -> bytes:
        """The statistics, or the packed last rows if there is a window."""
        if self._options.window is None:
            return Moments.of(self._learner).to_bytes()
        return window.pack(self.schema, [*self._last])
