"""Whether the federated answer is the pooled one, to the bit: compared, never assumed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from suffice.client import Json


@dataclass(frozen=True, slots=True)
class Verdict:
    """Digests and coefficients of the pooled table and of each node, and whether all of them agree."""

    pooled_digest: str
    fused_digests: Mapping[str, str]
    coefficients: Mapping[str, float]
    equal_coefficients: int
    bit_identical: bool


def compare(
    pooled_digest: str, pooled_model: Json, fused: Mapping[str, Json], models: Mapping[str, Json]
) -> Verdict:
    """Compare digests as text and coefficients by all 64 bits; a node without either fails the comparison."""
    digests = {name: str(held.get("digest")) for name, held in fused.items()}
    reference = _bits(pooled_model)
    fitted = [_bits(model) for model in models.values()]
    equal = sum(all(bits.get(term) == value for bits in fitted) for term, value in reference.items())
    identical = (
        bool(reference)
        and set(digests) == set(models)
        and all(digest == pooled_digest for digest in digests.values())
        and all(bits == reference for bits in fitted)
    )
    coefficients = dict(zip(pooled_model["terms"], pooled_model["coef"], strict=True))
    return Verdict(pooled_digest, digests, coefficients, equal, identical)


def _bits(model: Json) -> dict[str, str]:
    """Each term's coefficient as the exact hexadecimal form of its float; NaN equals nothing."""
    pairs: Iterable[tuple[str, Any]] = zip(model["terms"], model["coef"], strict=True)
    return {term: float(value).hex() for term, value in pairs if not math.isnan(float(value))}
