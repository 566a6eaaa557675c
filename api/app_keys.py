"""What handlers find in the application, under typed names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from api.bodies import Bodies
from api.metrics import Metrics
from node.node import Node

NODE: Final = web.AppKey("node", Node)
BODIES: Final = web.AppKey("bodies", Bodies)
METRICS: Final = web.AppKey("metrics", Metrics)
DOCUMENT: Final = web.AppKey[Callable[[], dict[str, Any]]]("document")
"""Makes the OpenAPI document when it is first asked for: it would hold up a node's start."""
STOPPING: Final = web.AppKey("stopping", asyncio.Event)
