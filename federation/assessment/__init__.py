"""How well predictions agree with what happened: scores, curves and confusion as plain data, and figures.

Pure functions of arrays; they know models only by the columns that their `predict` gives.
"""

from federation.assessment.assess import Assessment, assess, task_of
from federation.assessment.confusion import Confusion, confusion
from federation.assessment.curves import Gains, Residuals, Roc, gains, residuals, roc
from federation.assessment.errors import AssessmentError
from federation.assessment.figures import figures, flags_figure
from federation.assessment.flags import Flags, flags
from federation.assessment.outcome import Observed, Outcome, observed, outcome
from federation.assessment.scores import ALIASES, DEFAULTS, SCORES, TASKS, Score, Task, score_named

__all__ = [
    "ALIASES",
    "DEFAULTS",
    "SCORES",
    "TASKS",
    "Assessment",
    "AssessmentError",
    "Confusion",
    "Flags",
    "Gains",
    "Observed",
    "Outcome",
    "Residuals",
    "Roc",
    "Score",
    "Task",
    "assess",
    "confusion",
    "figures",
    "flags",
    "flags_figure",
    "gains",
    "observed",
    "outcome",
    "residuals",
    "roc",
    "score_named",
    "task_of",
]
