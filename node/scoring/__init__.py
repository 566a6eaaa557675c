"""Scoring: a file of records through a mapping into a model, and the model's answers into another file.

What deployments and their dialects are is not known here.
"""

from node.scoring.counting import count_records
from node.scoring.describing import described
from node.scoring.examples import try_examples
from node.scoring.fields import shapes_of
from node.scoring.mime import Mime
from node.scoring.scoring import check, inspect_file, score_file

__all__ = [
    "Mime",
    "check",
    "count_records",
    "described",
    "inspect_file",
    "score_file",
    "shapes_of",
    "try_examples",
]
