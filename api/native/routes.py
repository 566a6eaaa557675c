"""The native dialect's route table; each subject's routes stand below its calls."""

from __future__ import annotations

from typing import Final

from api.native import (
    backup_calls,
    deployment_calls,
    encoder_calls,
    event_calls,
    explore_calls,
    federation_calls,
    job_calls,
    judging_calls,
    key_calls,
    model_calls,
    node_calls,
    project_calls,
    source_calls,
    uplet_calls,
)
from api.routes import Route

ROUTES: Final[tuple[Route, ...]] = (
    *node_calls.ROUTES,
    *backup_calls.ROUTES,
    *federation_calls.ROUTES,
    *project_calls.ROUTES,
    *explore_calls.ROUTES,
    *encoder_calls.ROUTES,
    *source_calls.ROUTES,
    *model_calls.ROUTES,
    *judging_calls.ROUTES,
    *deployment_calls.ROUTES,
    *job_calls.ROUTES,
    *event_calls.ROUTES,
    *key_calls.ROUTES,
    *uplet_calls.ROUTES,
)
