"""From statistics to answers: exploring as a plain function over plain data; models are in `modelling`.

Run in a thread of the node for a request that waits, and in a worker process for a task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from federation.statistics import Moments


def explore(
    moments: Moments,
    metric: str,
    attributes: Sequence[str],
    targets: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What `federation.explore` answers; a metric of single attributes maps each of them to its values."""
    from federation.explore import explore as ask

    return ask(metric, moments, attributes, targets, parameters)
