"""The Gravity AI dialect: files scored on demand by the model that an `x-api-key` selects."""

from api.gravity.binding import bind, refusal, speaks
from api.gravity.routes import ROUTES

__all__ = ["ROUTES", "bind", "refusal", "speaks"]
