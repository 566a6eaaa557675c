"""What handlers find in the application, under typed names."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web

from api.bodies import Bodies
from api.metrics import Metrics
from node.node import Node

NODE: Final = web.AppKey("node", Node)
BODIES: Final = web.AppKey("bodies", Bodies)
METRICS: Final = web.AppKey("metrics", Metrics)
DOCUMENT: Final = web.AppKey("document", dict[str, Any])
STOPPING: Final = web.AppKey("stopping", asyncio.Event)
