"""The SymetryML dialect: `/symetry/rest/{cid}/...`, signed requests, answers in an envelope."""

from api.symetry.binding import bind, refusal
from api.symetry.routes import ROUTES

__all__ = ["ROUTES", "bind", "refusal"]
