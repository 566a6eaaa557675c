"""Selecting inputs and algorithms: hundreds of models a second are tried, from statistics gathered once."""

from federation.selection.options import PARAMETERS, Options, read_options
from federation.selection.select import (
    AICC,
    SHOWN,
    Candidate,
    Plan,
    Progress,
    Selection,
    auto_select,
    plan_for,
    select,
)
from federation.selection.settings import (
    TASK_NAMES,
    Setting,
    algorithms_of,
    settings_of,
    suitable,
    task_named,
)

__all__ = [
    "AICC",
    "PARAMETERS",
    "SHOWN",
    "TASK_NAMES",
    "Candidate",
    "Options",
    "Plan",
    "Progress",
    "Selection",
    "Setting",
    "algorithms_of",
    "auto_select",
    "plan_for",
    "read_options",
    "select",
    "settings_of",
    "suitable",
    "task_named",
]
