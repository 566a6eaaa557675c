"""The Morpheo dialect: the calls of its orchestrator, and below `/storage/` those of its storage service.

Its web client and its compute workers enter by HTTP Basic with access key and secret key.
"""

from api.morpheo import routes, storage_routes
from api.morpheo.binding import bind, refusal, speaks

ROUTES = (*routes.ROUTES, *storage_routes.ROUTES)

__all__ = ["ROUTES", "bind", "refusal", "speaks"]
