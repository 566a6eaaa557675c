"""The ClearML dialect: `/[vMAJ.MIN/]service.action`, as the unmodified SDK, agent and web page call it."""

from __future__ import annotations

from api.clearml.binding import METHODS, handle, refusal, speaks
from api.clearml.registry import ENDPOINTS
from api.clearml.wire import PATHS

__all__ = ["ENDPOINTS", "METHODS", "PATHS", "handle", "refusal", "speaks"]
