"""The Morpheo dialect: HTTP Basic with access key and secret key; its storage is below `/storage/`."""

from api.morpheo.binding import refusal, speaks
from api.morpheo.storage_routes import ROUTES
from api.native import bind

__all__ = ["ROUTES", "bind", "refusal", "speaks"]
