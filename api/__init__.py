"""What HTTP clients see: one package per dialect, all over the same node."""

from api.app import make_app
from api.server import Server

__all__ = ["Server", "make_app"]
