"""The one error of assessment."""

from __future__ import annotations


class AssessmentError(ValueError):
    """Predictions that cannot be judged; the message names what is wrong and the remedy."""
