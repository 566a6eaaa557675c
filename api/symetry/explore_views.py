"""Answers of exploration as SymetryML's entities: which one depends on the metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from api.symetry.entities import DataFrame, Density, DensityList, KSVDMap, KSVSMap
from node.answers import ProjectInfo

Answered: TypeAlias = tuple[Sequence[str], Sequence[str], Mapping[str, Any]]
"""Attributes, targets, values."""


def entities(metric: str, answers: Sequence[Answered], project: ProjectInfo | None) -> dict[str, Any]:
    """The entities by their keys: KSVSMap for VIF and SVD, tables for PCA, densities, else KSVDMap.

    `project` gives attributes their indexes; None if it is gone, and then they are named.
    """
    match metric:
        case "vif":
            places = {} if project is None else _places(project)
            return {"KSVSMap": KSVSMap(values=[_inflations(values, places) for _, _, values in answers])}
        case "svd" | "svdfs":
            return {"KSVSMap": KSVSMap(values=[_singular(values) for _, _, values in answers])}
        case "pca":
            return _components(answers[0][2])
        case "density" | "conditional_density":
            found = [item for answer in answers for item in _densities(*answer)]
            return {"densityList": DensityList(values=found)}
    return {"KSVDMap": KSVDMap(values=[map_ for _, _, values in answers for map_ in _maps(values)])}


def _maps(values: Mapping[str, Any]) -> list[dict[str, float]]:
    """One map; one for each attribute where the metric takes them one by one."""
    nested = [dict(item) for item in values.values() if isinstance(item, Mapping)]
    return nested or [dict(values)]


def _places(project: ProjectInfo) -> dict[str, str]:
    return {attribute.name: str(at) for at, attribute in enumerate(project.attributes)}


def _inflations(values: Mapping[str, float], places: Mapping[str, str]) -> dict[str, str]:
    """By the input's index; an indicator, which has none, by its name."""
    return {places.get(name, name): repr(value) for name, value in values.items()}


def _singular(values: Mapping[str, Any]) -> dict[str, str]:
    """Singular value to attribute; attributes that share a value to the last bit share a line."""
    lines: dict[str, str] = {}
    for value, attribute in zip(values["singularValues"], values["attributes"], strict=True):
        key = repr(value)
        lines[key] = f"{lines[key]},{attribute}" if key in lines else attribute
    return lines


def _components(values: Mapping[str, Any]) -> dict[str, Any]:
    """pcaVectors: a row for each column of the data, a column for each component; pcaValues: one row."""
    names = [f"PC{number}" for number in range(1, len(values["pcaValues"]) + 1)]
    vectors = [[term, *map(repr, weights)] for term, weights in values["pcaVectors"].items()]
    numbers = ["C"] * len(names)
    return {
        "pcaVectors": DataFrame.told(["attribute", *names], ["S", *numbers], vectors),
        "pcaValues": DataFrame.told(names, numbers, [list(map(repr, values["pcaValues"]))]),
        "pcaSumValues": values["pcaSumValues"],
    }


def _densities(
    attributes: Sequence[str], _targets: Sequence[str], values: Mapping[str, Any]
) -> Iterator[Density]:
    for attribute in attributes or values:
        found = values[attribute]
        if "histogram" in found:
            yield _density(attribute, found)
            continue
        for level, part in found.items():
            yield _density(f"{attribute}|{level}", part)


def _density(name: str, found: Mapping[str, Any]) -> Density:
    return Density(
        attr_name=name,
        min=found["min"],
        max=found["max"],
        width=found["width"],
        histogram=found["histogram"],
    )
