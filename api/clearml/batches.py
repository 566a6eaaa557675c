"""Answers of the `*_many` calls: what succeeded with its facts, and what failed with its refusal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from api.clearml.errors import of_problem
from node.tracking.batches import Batch, for_each


async def many(
    ids: Iterable[str], call: Callable[[str], Awaitable[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    """Call for each id; its facts stand beside the id in `succeeded`."""
    return told(await for_each(ids, call))


def told(batch: Batch[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The answer of a batch that is done."""
    refusals = {key: of_problem(error) for key, error in batch.failed.items()}
    return {
        "succeeded": [{"id": key, **facts} for key, facts in batch.succeeded.items()],
        "failed": [
            {
                "id": key,
                "error": {
                    "codes": [refusal.status, refusal.subcode],
                    "msg": refusal.message,
                    "data": refusal.data,
                },
            }
            for key, refusal in refusals.items()
        ],
    }
