"""The command line's own words for what the node's interface names otherwise.

Options become parameters, which have the names of the dialects. A refusal that names a parameter is told in
the words of whoever typed the option.
"""

from __future__ import annotations

import re
from typing import Final

OPTIONS: Final = {
    "sml_project_predicate_row_filter": "--filter",
    "sml_project_rolling_window_size": "--window",
    "enableHistogram": "--profiles",
    "partitionSplit": "--split",
    "categorySeparator": "--separator",
    "lower_case": "--lower-case",
    "sml_project_power_column": "--powers-of",
    "sml_project_power_min": "--powers",
    "sml_project_power_max": "--powers",
    "sml_project_power_steps": "--powers",
    "sml_project_order": "--sequence",
    "selector_type": "--selector",
    "sml_model_assessment_type": "--metric",
    "selector_max_seconds": "--seconds",
}
"""By the parameter's name. A parameter that is called as its option is has no entry."""

_NAMES: Final = re.compile(rf"\b({'|'.join(OPTIONS)})\b")


def in_own_words(text: str) -> str:
    """What the node said, with options in the place of parameters."""
    return _NAMES.sub(lambda found: OPTIONS[found[0]], text)
