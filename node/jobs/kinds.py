"""The kinds of task that the node's own job manager runs, and what each is called elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """required: the parameters it cannot do without; type: its ClearML type; of_project: about one.

    asked_for: whether jobs of it are submitted by kind and parameters; else they come with something else.
    """

    required: tuple[str, ...]
    type: str
    of_project: bool = True
    asked_for: bool = True


def own_worker(node: str, number: int) -> str:
    """What one of the processes is called in which a node runs its jobs."""
    return f"{node}:{number}"


KINDS: Final = {
    "learn": Kind((), "data_processing"),
    "forget": Kind((), "data_processing"),
    "encoder_learn": Kind(("encoder",), "data_processing", of_project=False),
    "encoder_forget": Kind(("encoder",), "data_processing", of_project=False),
    "explore": Kind(("metric",), "custom"),
    "fit": Kind(("model", "algorithm", "inputs"), "training"),
    "predict": Kind(("model",), "inference"),
    "select": Kind(("model", "target", "inputs"), "optimizer"),
    "assess": Kind(("model",), "testing"),
    "project_info": Kind((), "custom"),
    "projects_info": Kind((), "custom", of_project=False),
    "score": Kind((), "inference", of_project=False, asked_for=False),
}
