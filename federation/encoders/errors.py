"""The error of encoders."""

from __future__ import annotations

from federation.models.errors import ModelError


class EncoderError(ModelError):
    """An encoder that cannot be made, fitted or applied; the message names what is wrong and the remedy."""
