"""The native dialect: JSON over `/api/...`, HTTP Basic, errors `{"error": {"code", "message", "remedy"}}`."""

from api.native.binding import bind, refusal
from api.native.routes import ROUTES

__all__ = ["ROUTES", "bind", "refusal"]
