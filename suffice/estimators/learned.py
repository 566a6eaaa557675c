"""What all estimators share: rows become `Moments`, the model is fitted from them when it is asked for.

The statistics are the estimator's state. `partial_fit` adds rows, `forget` takes rows away again, exactly,
and `from_moments` starts from statistics learned elsewhere, such as a federation's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from federation.models import Model, fit
from federation.statistics import Attribute, AttributeType, Column, Moments, Schema, Table
from node.forgetting import impossible
from suffice.estimators import columns


class Learned(BaseEstimator):  # type: ignore[misc]
    """An estimator whose fitted state is `moments_`.

    NaN and None are missing values. A frame of pandas or pyarrow may have columns of text: each becomes one
    0/1 column per level, named `column$level`, but for the first (models of components take them all).
    """

    _algorithm: ClassVar[str]
    _called: ClassVar[Mapping[str, str]] = {}  # parameters whose names there are not those here
    _few: ClassVar[int] = 2  # rows below which nothing can be fitted

    moments_: Moments
    _fitted: Model | None
    n_features_in_: int

    @classmethod
    def from_moments(
        cls, moments: Moments, *, inputs: Sequence[str], target: str | None = None, **parameters: Any
    ) -> Self:
        """An estimator fitted to these statistics; `parameters` are those of the constructor.

        Raises `ModelError` for what the statistics cannot give.
        """
        made = cls(**parameters)
        made.moments_ = moments.copy()
        made.n_features_in_ = len(inputs)
        made.feature_names_in_ = np.array(list(inputs), dtype=object)
        made._start(target)
        made._fitted = made._fit_model()
        return made

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn these rows and nothing else; X (rows, d), y (rows,). Returns self."""
        table = self._read(X, y, first=True)
        self.moments_ = Moments(self._schema(table)).learn(table)
        self._fitted = self._fit_model()
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn more rows: the result is that of one `fit` to all rows, to the bit.

        The model is fitted when it is next asked for, so that rows may come one by one.
        """
        first = not hasattr(self, "moments_")
        table = self._read(X, y, first=first, few=1)
        known = None if first else self.moments_.schema
        part = Moments(self._schema(table, known)).learn(table)
        self.moments_ = part if first else self.moments_ + part
        self._fitted = None
        return self

    def forget(self, X: Any, y: Any = None) -> Self:
        """Undo the learning of these rows, exactly; raises ValueError if they cannot have been learned."""
        check_is_fitted(self)
        table = self._read(X, y, first=False, few=1)
        left = self.moments_ - Moments(self.moments_.schema).learn(table)
        problem = impossible(left)
        if problem is not None:
            raise ValueError(f"these rows were not learned: {problem}")
        self.moments_, self._fitted = left, None
        return self

    @property
    def model_(self) -> Any:
        """The fitted model of `federation.models`."""
        check_is_fitted(self)
        if self._fitted is None:
            self._fitted = self._fit_model()
        return self._fitted

    @property
    def terms_(self) -> NDArray[np.object_]:
        """Names of the model's columns: features, and `feature$level` for each level of a category."""
        return np.array([column.term for column in self.model_.columns], dtype=object)

    def _fit_model(self) -> Model:
        return fit(self._algorithm, self.moments_, self._target(), self._names(), **self._options())

    def _options(self) -> dict[str, Any]:
        """The algorithm's parameters: those of the constructor, by the algorithm's names."""
        return {self._called.get(name, name): value for name, value in self.get_params(deep=False).items()}

    def _schema(self, table: Table, known: Schema | None = None) -> Schema:
        """What is counted of a table."""
        return columns.schema_for(table, known)

    def _start(self, target: str | None) -> None:
        """Take over the target of statistics learned elsewhere."""

    def _target(self) -> str | None:
        return None

    def _target_column(self, y: Any, first: bool) -> tuple[str, Column] | None:
        """The target's name and values."""
        return None

    def _names(self) -> list[str]:
        if hasattr(self, "feature_names_in_"):
            return list(self.feature_names_in_)
        return [f"x{i}" for i in range(self.n_features_in_)]

    def _read(self, X: Any, y: Any, *, first: bool, few: int | None = None) -> Table:
        """The rows to learn, target included, checked as scikit-learn does."""
        table = self._inputs(X, first=first, few=self._few if few is None else few)
        target = self._target_column(y, first)
        if target is None:
            return table
        name, column = target
        check_consistent_length(np.empty(table.rows), column.codes if hasattr(column, "codes") else column)
        return Table({**table.columns, name: column})

    def _inputs(self, X: Any, *, first: bool = False, few: int = 1) -> Table:
        """The features' columns; text where the features that were learned are categories."""
        if not first:
            check_is_fitted(self)
        if columns.is_mixed(X):
            validate_data(self, X, reset=first, skip_check_array=True)
            table = columns.from_frame(X, self._names())
            if table.rows < few:
                raise ValueError(f"{table.rows} rows: a minimum of {few} is required")
            return table
        values = validate_data(
            self, X, reset=first, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=few
        )
        return columns.from_array(values, self._names())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class WithTarget(Learned):
    """An estimator that explains a target, called `target_` in the statistics."""

    target_: str

    def _start(self, target: str | None) -> None:
        if target is None:
            raise ValueError("name the target: from_moments(moments, inputs=…, target=…)")
        self.target_ = target

    def _target(self) -> str | None:
        return self.target_

    def _name_target(self, y: Any) -> None:
        """The target's own name, if it has one that no feature has, or else y."""
        given = getattr(y, "name", None)
        name = given if isinstance(given, str) and given else "y"
        while name in self._names():
            name += "_"
        self.target_ = name

    def _checked(self, y: Any, first: bool) -> NDArray[Any]:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: give one"
            )
        values = column_or_1d(y, warn=True)
        if values.dtype.kind in "fc":
            assert_all_finite(values, input_name="y")
        if first:
            self._name_target(y)
        return np.asarray(values)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class LearnedNumber(WithTarget):
    """An estimator of a number."""

    def _target_column(self, y: Any, first: bool) -> tuple[str, Column]:
        values = self._checked(y, first)
        return self.target_, values.astype(np.float64)


class LearnedClass(WithTarget):
    """An estimator of a class: the statistics have the classes as the levels of a category."""

    _labels: dict[str, Any]

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None) -> Self:
        """Learn more rows; `classes` is accepted as scikit-learn's convention has it, and not needed."""
        return super().partial_fit(X, y)

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes that have rows, sorted."""
        check_is_fitted(self)
        labels = [self._labels.get(level, level) for level in self.moments_.level_counts(self.target_)]
        return np.unique(np.array(labels))

    def _start(self, target: str | None) -> None:
        super()._start(target)
        attribute: Attribute = self.moments_.schema[self.target_]
        if attribute.type is not AttributeType.CATEGORY:
            raise ValueError(f"target {target!r} is not a category: learn the classes as text")
        self._labels = {}

    def _levels(self) -> list[str]:
        """The classes' names in the statistics, in the order of `classes_`."""
        return [columns.text_of(label) for label in self.classes_]

    def _target_column(self, y: Any, first: bool) -> tuple[str, Column]:
        values = self._checked(y, first)
        check_classification_targets(values)
        labels = np.unique(values)
        texts = [columns.text_of(label) for label in labels]
        known = {} if first else self._labels
        if "" in texts or len(set(texts)) < len(texts):
            raise ValueError(f"classes must differ and have names, as text as well: {texts}")
        self._labels = known | dict(zip(texts, labels, strict=True))
        return self.target_, columns.coded_by(values, texts)
