"""Fitting by the name of an algorithm, with parameters as they come from outside; reading stored models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from federation.models import (
    bayes,
    covariance,
    ecod,
    evt,
    hba,
    lda,
    linear,
    mahalanobis,
    markov,
    mlda,
    mqda,
    pca,
    pcr,
    penalised,
    pls,
    power,
    reconstruction,
    svm,
)
from federation.models.algorithm import Algorithm, Model
from federation.models.errors import ModelError, listed
from federation.models.record import WHOLE, from_record
from federation.statistics import Moments

ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    algorithm.name: algorithm
    for module in (
        linear,
        penalised,
        power,
        covariance,
        svm,
        pls,
        pcr,
        lda,
        mlda,
        bayes,
        markov,
        mqda,
        hba,
        ecod,
        reconstruction,
        mahalanobis,
        evt,
        pca,
    )
    for algorithm in module.ALGORITHMS
}
"""All algorithms, by name."""


def check(algorithm: str, target: str | None, parameters: Mapping[str, Any]) -> None:
    """Raise `ModelError` where `fit` would, before there are statistics.

    That is for unknown names, unreadable values, and a target where none is needed or the other way about.
    """
    chosen = chosen_of(algorithm)
    chosen.check_target(target, chosen.read(dict(parameters)))


def fit(
    algorithm: str, moments: Moments, target: str | None, inputs: Sequence[str], /, **parameters: Any
) -> Model:
    """Fit the model that `algorithm`, one of `ALGORITHMS`, names.

    Parameters may be text, as REST clients send them. Raises `ModelError` for an unknown algorithm or
    parameter, listing those there are, and for everything the algorithm itself refuses.
    """
    chosen = chosen_of(algorithm)
    read = chosen.read(parameters)
    chosen.check_target(target, read)
    return chosen.fit(moments, target or "", inputs, **read)


def from_dict(record: Mapping[str, Any]) -> Model:
    """The model whose `to_dict` this is; raises `ModelError` for anything else."""
    name = record.get("algorithm") if isinstance(record, Mapping) else None
    algorithm = ALGORITHMS.get(name) if isinstance(name, str) else None
    if algorithm is None:
        raise ModelError(
            f"a stored model names its algorithm, one of {listed(tuple(ALGORITHMS))}, not {name!r}", WHOLE
        )
    model: Model = from_record(algorithm.model, record)
    return model


def chosen_of(algorithm: str) -> Algorithm:
    """The algorithm of this name; raises `ModelError` for another."""
    if algorithm not in ALGORITHMS:
        known = listed(tuple(ALGORITHMS), most=len(ALGORITHMS))
        raise ModelError(f"algorithm {algorithm!r} is unknown", f"there are {known}")
    return ALGORITHMS[algorithm]
