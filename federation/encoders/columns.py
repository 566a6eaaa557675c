"""How one column is encoded: frozen data, each kind with the columns it makes and the rows it makes of rows.

A missing value stays missing, except in hashed columns, where it adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from federation.encoders.murmur import murmur3
from federation.models.prediction import levels, numbers
from federation.statistics import Attribute, AttributeType, Coded, Column, Quantum, Table


class ColumnEncoding(Protocol):
    """What was learned of one column."""

    def attributes(self, key: str) -> tuple[Attribute, ...]:
        """What the columns made are learned as: the same wherever the encoding is."""

    def transform(self, key: str, table: Table) -> Mapping[str, Column]:
        """The columns made; raises `ModelError` for values of the wrong kind."""


@dataclass(frozen=True, slots=True)
class TargetMeans:
    """A text becomes the mean of the target in the rows that have it; one without a mean, `overall`."""

    means: Mapping[str, float]
    overall: float

    def attributes(self, key: str) -> tuple[Attribute, ...]:
        """One number of the same name."""
        values = np.array([*self.means.values(), self.overall])
        return (Attribute(key, AttributeType.CONTINUOUS, Quantum.infer(values)),)

    def transform(self, key: str, table: Table) -> Mapping[str, Column]:
        """The means of the rows' texts."""
        coded = levels(key, table)
        by_level = [np.nan if level == "" else self.means.get(level, self.overall) for level in coded.levels]
        return {key: np.array([*by_level, np.nan])[coded.codes]}


@dataclass(frozen=True, slots=True)
class OneHot:
    """A text becomes a 0/1 column `key=text` for each of the texts learned; another is 0 in all of them."""

    levels: tuple[str, ...]

    def attributes(self, key: str) -> tuple[Attribute, ...]:
        """0/1 attributes."""
        return tuple(Attribute(f"{key}={level}", AttributeType.BINARY) for level in self.levels)

    def transform(self, key: str, table: Table) -> Mapping[str, Column]:
        """The indicators of the rows' texts."""
        coded = levels(key, table)
        place = {level: at for at, level in enumerate(self.levels)}
        lines = np.zeros((len(coded.levels) + 1, len(self.levels)))
        for code, level in enumerate([*coded.levels, ""]):
            if level == "":
                lines[code] = np.nan
            elif level in place:
                lines[code, place[level]] = 1.0
        columns = lines[coded.codes]
        return {f"{key}={level}": np.ascontiguousarray(columns[:, at]) for level, at in place.items()}


@dataclass(frozen=True, slots=True)
class Hashed:
    """A text adds 1 or -1 to one of so many columns `prefix.0`, `prefix.1`, …, which all hashed texts share.

    "key=text" hashes to h: the column is |h| mod `bins`, the sign that of h. Weinberger and others, "Feature
    hashing for large scale multitask learning" (2009), as scikit-learn's `FeatureHasher` does it. Of a list
    (texts separated by `separator`) every item is added.
    """

    bins: int
    prefix: str
    separator: str | None = None

    def attributes(self, _key: str) -> tuple[Attribute, ...]:
        """Whole numbers."""
        return tuple(
            Attribute(f"{self.prefix}.{at}", AttributeType.CONTINUOUS, Quantum(0)) for at in range(self.bins)
        )

    def transform(self, key: str, table: Table) -> Mapping[str, Column]:
        """What this text adds to each column."""
        coded = levels(key, table)
        lines = np.zeros((len(coded.levels) + 1, self.bins))
        for code, level in enumerate(coded.levels):
            for item in level.split(self.separator) if self.separator else [level]:
                if item:
                    found = murmur3(f"{key}={item}".encode())
                    lines[code, abs(found) % self.bins] += 1.0 if found >= 0 else -1.0
        columns = lines[coded.codes]
        return {f"{self.prefix}.{at}": np.ascontiguousarray(columns[:, at]) for at in range(self.bins)}


@dataclass(frozen=True, slots=True)
class Binned:
    """A number becomes a category: bin i is [edges[i-1], edges[i]), below the first edge 0, so that all
    numbers have one. A level is called by its number and limits: `1: 0.5 to 2`."""

    edges: tuple[float, ...]

    def attributes(self, key: str) -> tuple[Attribute, ...]:
        """One category of the same name."""
        return (Attribute(key, AttributeType.CATEGORY),)

    def transform(self, key: str, table: Table) -> Mapping[str, Column]:
        """The bins of the rows' numbers."""
        values = numbers(key, table)
        codes = np.searchsorted(np.array(self.edges), values, side="right")
        return {key: Coded(np.where(np.isnan(values), -1, codes).astype(np.int32), self.labels())}

    def labels(self) -> tuple[str, ...]:
        """The names of all bins."""
        if not self.edges:
            return ("0: all",)
        width = len(str(len(self.edges)))
        inner = [f"{low:.6g} to {high:.6g}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
        limits = [f"below {self.edges[0]:.6g}", *inner, f"from {self.edges[-1]:.6g}"]
        return tuple(f"{at:0{width}}: {limit}" for at, limit in enumerate(limits))
