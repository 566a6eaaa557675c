"""Fitting by the name of an algorithm, with parameters as they come from outside; reading stored models."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from federation.models.errors import ModelError, listed
from federation.models.lda import LdaModel, fit_lda
from federation.models.linear import LinearModel, fit_linear
from federation.models.pca import PcaModel, fit_pca
from federation.models.record import from_record
from federation.statistics import Moments

Model: TypeAlias = LinearModel | LdaModel | PcaModel


def fit(
    algorithm: str, moments: Moments, target: str | None, inputs: Sequence[str], **parameters: Any
) -> Model:
    """Fit the model that `algorithm` names: "mlr", "ridge", "lda" or "pca".

    Parameters may be text, as REST clients send them. All take `missing` (listwise, pairwise, mean); mlr and
    ridge `intercept`; ridge `alpha`, also called `lambda` (default 1), and `standardize`; pca `correlation`
    and `dimensions`. Raises `ModelError` for an unknown algorithm or parameter, listing those there are,
    and for everything the model itself refuses.
    """
    if algorithm not in _ALGORITHMS:
        raise ModelError(f"algorithm {algorithm!r} is unknown; there are {listed(tuple(_ALGORITHMS))}")
    fitter, readers = _ALGORITHMS[algorithm]
    unknown = sorted(set(parameters) - set(readers))
    if unknown:
        raise ModelError(f"{algorithm} has no parameter {listed(unknown)}; it has {listed(sorted(readers))}")
    read = {name: readers[name](name, value) for name, value in parameters.items() if value is not None}
    return fitter(moments, target, inputs, read)


def from_dict(record: Mapping[str, Any]) -> Model:
    """The model whose `to_dict` this is; raises `ModelError` for anything else."""
    algorithm = record.get("algorithm") if isinstance(record, Mapping) else None
    model = _STORED.get(algorithm) if isinstance(algorithm, str) else None
    if model is None:
        raise ModelError(
            f"a stored model names its algorithm, one of {listed(tuple(_STORED))}, not {algorithm!r}"
        )
    return from_record(model, record)


def _mlr(moments: Moments, target: str | None, inputs: Sequence[str], read: dict[str, Any]) -> Model:
    return fit_linear(moments, _required(target), inputs, **read)


def _ridge(moments: Moments, target: str | None, inputs: Sequence[str], read: dict[str, Any]) -> Model:
    given = {read.pop(name) for name in ("alpha", "lambda") if name in read}
    if len(given) > 1:
        raise ModelError(f"alpha and lambda are two names of one penalty, but differ: {sorted(given)}")
    penalty = given.pop() if given else 1.0
    if penalty <= 0.0:
        raise ModelError(f"the ridge penalty is {penalty:g}: give a positive one, or use mlr for none")
    return fit_linear(moments, _required(target), inputs, ridge=penalty, **read)


def _lda(moments: Moments, target: str | None, inputs: Sequence[str], read: dict[str, Any]) -> Model:
    return fit_lda(moments, _required(target), inputs, **read)


def _pca(moments: Moments, target: str | None, inputs: Sequence[str], read: dict[str, Any]) -> Model:
    if target:
        raise ModelError(f"pca has no target: leave {target!r} out, or make it an input")
    return fit_pca(moments, inputs, **read)


def _required(target: str | None) -> str:
    if not target:
        raise ModelError("a target is needed: name the attribute to predict")
    return target


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ModelError(f"{name} is {value!r}: it must be text")
    return value


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise ModelError(f"{name} is {value!r}: it must be a finite number")
    return number


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    if not number.is_integer():
        raise ModelError(f"{name} is {value!r}: it must be a whole number")
    return int(number)


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ModelError(f"{name} is {value!r}: it must be true or false")


_Reader: TypeAlias = Callable[[str, Any], Any]
_Fitter: TypeAlias = Callable[[Moments, str | None, Sequence[str], dict[str, Any]], Model]
_ALGORITHMS: Final[Mapping[str, tuple[_Fitter, Mapping[str, _Reader]]]] = {
    "mlr": (_mlr, {"missing": _text, "intercept": _flag}),
    "ridge": (
        _ridge,
        {"missing": _text, "intercept": _flag, "alpha": _number, "lambda": _number, "standardize": _flag},
    ),
    "lda": (_lda, {"missing": _text}),
    "pca": (_pca, {"missing": _text, "correlation": _flag, "dimensions": _whole}),
}
_STORED: Final[Mapping[str, type[Model]]] = {
    "mlr": LinearModel,
    "ridge": LinearModel,
    "lda": LdaModel,
    "pca": PcaModel,
}
