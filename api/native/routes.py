"""The native dialect's route table."""

from __future__ import annotations

from typing import Any, Final

from api.native import (
    encoder_calls,
    explore_calls,
    federation_calls,
    job_calls,
    judging_calls,
    key_calls,
    model_calls,
    node_calls,
    project_calls,
)
from api.native import entities as e
from api.routes import Access, CallHandler, Route
from node.answers import (
    AlgorithmInfo,
    Answer,
    DriftAnswer,
    EncoderInfo,
    FederationInfo,
    IssuedInvitation,
    ModelRecord,
    ProjectInfo,
    SelectionInfo,
)
from node.tasks import Task

_F = "/api/federations/{federation}"
_P = "/api/projects/{project}"
_M = _P + "/models/{model}"
_E = "/api/encoders/{encoder}"
_EMPTY = "Done: an empty object."


def _call(
    method: str,
    path: str,
    handler: CallHandler,
    access: Access,
    summary: str,
    answers: dict[int, Any],
    **more: Any,
) -> Route:
    return Route(method, path, handler, summary, access=access, answers=answers, **more)


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        "/healthz",
        node_calls.health,
        "Whether the node answers",
        access="open",
        answers={200: e.Health},
    ),
    Route(
        "GET",
        "/metrics",
        node_calls.metrics,
        "Counters for Prometheus",
        access="open",
        answers={200: "Exposition."},
    ),
    Route(
        "GET",
        "/openapi.json",
        node_calls.openapi,
        "This document",
        access="open",
        answers={200: "OpenAPI 3.1."},
    ),
    Route("GET", "/docs", node_calls.docs, "This document as a page", access="open", answers={200: "HTML."}),
    _call("GET", "/api/node", node_calls.info, "annotator", "The node", {200: e.NodeInfo}),
    # Federations
    _call(
        "POST",
        "/api/federations",
        federation_calls.create,
        "superuser",
        "Create a federation",
        {201: FederationInfo},
        body=e.NewFederation,
    ),
    _call(
        "GET",
        "/api/federations",
        federation_calls.listed,
        "annotator",
        "List the federations",
        {200: e.Federations},
    ),
    _call(
        "POST",
        "/api/federations/join",
        federation_calls.join,
        "superuser",
        "Join by an invitation",
        {200: FederationInfo},
        body=e.Joining,
    ),
    _call(
        "GET",
        _F,
        federation_calls.status,
        "annotator",
        "A federation's members and state",
        {200: FederationInfo},
    ),
    _call(
        "POST",
        _F + "/invitations",
        federation_calls.invite,
        "superuser",
        "Make a one-time invitation",
        {201: IssuedInvitation},
        body=e.NewInvitation,
        body_required=False,
    ),
    _call(
        "GET", _F + "/requests", federation_calls.requests, "annotator", "Who asks to join", {200: e.Requests}
    ),
    _call(
        "POST",
        _F + "/requests/{request}/approve",
        federation_calls.approve,
        "superuser",
        "Let a node join",
        {200: FederationInfo},
    ),
    _call(
        "POST",
        _F + "/requests/{request}/refuse",
        federation_calls.refuse,
        "superuser",
        "Do not let a node join",
        {200: FederationInfo},
    ),
    _call(
        "DELETE",
        _F + "/members/{node_id}",
        federation_calls.expel,
        "superuser",
        "Expel a member",
        {200: FederationInfo},
    ),
    _call("POST", _F + "/leave", federation_calls.leave, "superuser", "Leave a federation", {200: _EMPTY}),
    _call(
        "POST",
        _F + "/sync",
        federation_calls.sync,
        "user",
        "Publish now, and read every member again",
        {200: FederationInfo},
    ),
    # Projects
    _call(
        "POST",
        "/api/projects",
        project_calls.create,
        "user",
        "Create a project",
        {201: ProjectInfo},
        body=e.NewProject,
    ),
    _call("GET", "/api/projects", project_calls.listed, "annotator", "List the projects", {200: e.Projects}),
    _call("GET", _P, project_calls.info, "annotator", "A project", {200: ProjectInfo}),
    _call(
        "POST",
        _P + "/merge",
        project_calls.merge,
        "user",
        "Add what another project has learned",
        {200: ProjectInfo},
        body=e.Merging,
    ),
    _call(
        "POST",
        _P + "/freeze",
        project_calls.freeze,
        "user",
        "Let it learn no more, or again",
        {200: ProjectInfo},
        body=e.Freezing,
        body_required=False,
    ),
    _call(
        "GET",
        _P + "/export",
        project_calls.export,
        "user",
        "Its statistics, to carry",
        {200: e.ExportedProject},
    ),
    _call(
        "POST",
        _P + "/import",
        project_calls.import_project,
        "user",
        "Make a project of exported statistics",
        {201: ProjectInfo},
        body=e.ExportedProject,
    ),
    _call("DELETE", _P, project_calls.delete, "user", "Delete a project with its models", {200: _EMPTY}),
    _call(
        "POST",
        _P + "/learn",
        project_calls.learn,
        "user",
        "Learn a file (a job) or rows",
        {200: ProjectInfo, 202: Task},
        body=e.NewRows,
    ),
    _call(
        "POST",
        _P + "/forget",
        project_calls.forget,
        "user",
        "Forget a file (a job) or rows",
        {200: ProjectInfo, 202: Task},
        body=e.NewRows,
    ),
    _call(
        "GET",
        "/api/metrics",
        explore_calls.metrics,
        "annotator",
        "What may be explored, with its parameters",
        {200: e.Metrics},
    ),
    _call(
        "GET",
        _P + "/explore",
        explore_calls.explore,
        "annotator",
        "Explore attributes; what else the query has are the metric's parameters",
        {200: Answer},
        query=e.Exploring,
    ),
    _call(
        "GET",
        _P + "/drift",
        explore_calls.drift,
        "annotator",
        "How far the rows have moved from another project's",
        {200: DriftAnswer},
        query=e.Drifting,
    ),
    _call(
        "GET",
        _P + "/statistics",
        project_calls.statistics,
        "annotator",
        "Own and fused statistics, with digests",
        {200: e.StatisticsInfo},
    ),
    _call(
        "PUT",
        _P + "/encoder",
        encoder_calls.assign,
        "user",
        "Let the rows of an empty project pass through an encoder",
        {200: ProjectInfo},
        body=e.EncoderName,
    ),
    # Encoders
    _call(
        "POST",
        "/api/encoders",
        encoder_calls.create,
        "user",
        "Make an encoder",
        {201: EncoderInfo},
        body=e.NewEncoder,
    ),
    _call(
        "GET", "/api/encoders", encoder_calls.listed, "annotator", "List the encoders", {200: e.EncoderList}
    ),
    _call("GET", _E, encoder_calls.info, "annotator", "An encoder", {200: EncoderInfo}),
    _call(
        "DELETE", _E, encoder_calls.delete, "user", "Delete an encoder that no project uses", {200: _EMPTY}
    ),
    _call(
        "POST",
        _E + "/learn",
        encoder_calls.learn,
        "user",
        "Learn rows or a file",
        {200: EncoderInfo},
        body=e.EncoderRows,
    ),
    _call(
        "POST",
        _E + "/forget",
        encoder_calls.forget,
        "user",
        "Forget what was learned",
        {200: EncoderInfo},
        body=e.EncoderRows,
    ),
    _call(
        "GET",
        _E + "/statistics",
        encoder_calls.statistics,
        "annotator",
        "The columns it encodes, and how many values they have",
        {200: e.EncoderStatistics},
    ),
    _call(
        "GET",
        _E + "/values/{key}",
        encoder_calls.values,
        "annotator",
        "The values of a column",
        {200: e.EncoderKeyValues},
    ),
    _call(
        "PUT",
        _E + "/values",
        encoder_calls.set_values,
        "user",
        "Say what values are worth, whatever was learned",
        {200: EncoderInfo},
        body=e.EncoderValues,
    ),
    # Models
    _call(
        "GET",
        "/api/algorithms",
        model_calls.algorithms,
        "annotator",
        "What may be fitted, with its parameters",
        {200: e.Algorithms},
    ),
    _call(
        "GET",
        "/api/algorithms/{algorithm}",
        model_calls.algorithm,
        "annotator",
        "One algorithm",
        {200: AlgorithmInfo},
    ),
    _call(
        "GET",
        "/api/selection",
        judging_calls.offered,
        "annotator",
        "What a selection may be told: parameters, scores, algorithms of each task",
        {200: SelectionInfo},
    ),
    _call(
        "POST",
        _P + "/select",
        judging_calls.select,
        "user",
        "Select a model by rows that were not learned (a job)",
        {202: Task},
        body=e.Selecting,
    ),
    _call(
        "POST",
        _P + "/assess",
        judging_calls.assess,
        "user",
        "Judge a model by rows that were not learned (a job)",
        {202: Task},
        body=e.Assessing,
    ),
    _call(
        "POST", _P + "/models", model_calls.fit, "user", "Fit a model", {201: ModelRecord}, body=e.NewModel
    ),
    _call("GET", _P + "/models", model_calls.models, "annotator", "List the models", {200: e.Models}),
    _call("GET", _M, model_calls.model, "annotator", "A model", {200: ModelRecord}),
    _call(
        "PUT",
        _M,
        model_calls.import_model,
        "user",
        "Import a model that was fitted elsewhere",
        {201: ModelRecord},
        body=e.StoredModel,
    ),
    _call("GET", _M + "/onnx", model_calls.onnx, "annotator", "A model as ONNX", {200: "An ONNX file."}),
    _call("DELETE", _M, model_calls.delete_model, "user", "Delete a model", {200: _EMPTY}),
    _call(
        "POST",
        _M + "/predict",
        model_calls.predict,
        "annotator",
        "Predict rows, or a file (a job)",
        {200: e.Predictions, 202: Task},
        body=e.Predicting,
    ),
    # Jobs
    _call(
        "GET", "/api/jobs", job_calls.listed, "annotator", "List the jobs", {200: e.Jobs}, query=e.JobFilter
    ),
    _call(
        "GET",
        "/api/jobs/{job}",
        job_calls.status,
        "annotator",
        "A job; waits for a change if asked to",
        {200: Task},
        query=e.Waiting,
    ),
    _call("DELETE", "/api/jobs/{job}", job_calls.kill, "user", "Kill a job", {200: Task}),
    # Keys
    _call(
        "GET", "/api/keys", key_calls.listed, "admin", "List the access keys, without secrets", {200: e.Keys}
    ),
    _call(
        "POST",
        "/api/keys",
        key_calls.create,
        "admin",
        "Make an access key",
        {201: e.NewKeyInfo},
        body=e.NewKey,
    ),
    _call(
        "DELETE", "/api/keys/{access_key}", key_calls.revoke, "admin", "Revoke an access key", {200: _EMPTY}
    ),
)
