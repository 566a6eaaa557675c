"""The SymetryML dialect's route table: the part of its calls that this node has."""

from __future__ import annotations

from typing import Any, Final

from api.routes import Access, CallHandler, Route
from api.symetry import entities as e
from api.symetry import explore_calls, federation_calls, job_calls, model_calls, project_calls

_ROOT = "/symetry/rest/{cid}"
_P = "/projects/{pid}"
_F = "/fedml/{pid}"


def _call(
    method: str,
    path: str,
    handler: CallHandler,
    access: Access,
    summary: str,
    answers: dict[int, Any],
    **more: Any,
) -> Route:
    return Route(method, _ROOT + path, handler, summary, "symetry", access, answers=answers, **more)


_JOB = "Job Created: Location and sym-job-id name it."

ROUTES: Final[tuple[Route, ...]] = (
    # Jobs
    _call("GET", "/jobs", job_calls.listed, "annotator", "List all jobs", {200: "jobinfo: JobInfo[]"}),
    _call(
        "GET",
        "/jobs/{jobid}",
        job_calls.status,
        "annotator",
        "A job, and its result",
        {
            200: "Job is finished, with the entity of its type",
            202: "Job still running, with jobinfo",
            400: "No such job",
        },
    ),
    _call(
        "DELETE",
        "/jobs/{jobid}",
        job_calls.kill,
        "user",
        "Kill a job",
        {200: "Job was killed", 202: "Job cannot be killed", 400: "No such job"},
    ),
    # Projects
    _call(
        "POST",
        "/projects",
        project_calls.create,
        "user",
        "Create a project",
        {201: "Project Created with id:X", 409: "It exists already."},
        query=e.NewProjectQuery,
        body=e.Parameters,
        body_required=False,
    ),
    _call(
        "GET", "/projects/list", project_calls.listed, "annotator", "List the projects", {200: "stringList"}
    ),
    _call(
        "GET",
        "/projects/info",
        project_calls.all_info,
        "annotator",
        "All projects' info, by a job",
        {202: _JOB},
    ),
    _call(
        "GET",
        _P + "/info",
        project_calls.info,
        "annotator",
        "A project's info",
        {200: "smlInfo", 202: _JOB},
        query=e.AsyncQuery,
    ),
    _call(
        "POST",
        _P + "/learn",
        project_calls.learn,
        "user",
        "Learn a DataFrame",
        {200: "OK", 202: _JOB},
        query=e.AsyncQuery,
        body=e.DataFrame,
    ),
    _call(
        "POST",
        _P + "/forget",
        project_calls.forget,
        "user",
        "Forget a DataFrame",
        {200: "OK", 202: _JOB},
        query=e.AsyncQuery,
        body=e.DataFrame,
    ),
    _call(
        "DELETE", _P, project_calls.delete, "user", "Delete a project", {200: "deleted Project with id[...]"}
    ),
    _call("GET", _P + "/save", project_calls.save, "user", "Nothing to do: all is saved", {200: "OK"}),
    _call("GET", _P + "/freeze", project_calls.freeze, "user", "Let it learn no more", {200: "OK"}),
    _call("GET", _P + "/unfreeze", project_calls.unfreeze, "user", "Let it learn again", {200: "OK"}),
    _call("GET", _P + "/unload", project_calls.unload, "user", "Free its memory", {200: "OK"}),
    _call(
        "GET",
        _P + "/rename",
        project_calls.rename,
        "user",
        "Rename a project",
        {201: "smlInfo", 409: "Name taken."},
        query=e.RenameQuery,
    ),
    # Exploration, models, prediction
    _call(
        "POST",
        _P + "/explore",
        explore_calls.explore,
        "annotator",
        "Explore by a metric",
        {200: "KSVDMap, smlInfo", 202: _JOB},
        query=e.ExploreQuery,
        body=e.ExploreContext,
    ),
    _call(
        "POST",
        _P + "/vif",
        explore_calls.vif,
        "annotator",
        "Variance inflation",
        {200: "KSVSMap, with async=false", 202: _JOB},
        query=e.JobQuery,
        body=e.OneContext,
    ),
    _call(
        "POST",
        _P + "/explorepca",
        explore_calls.components,
        "annotator",
        "Principal components",
        {200: "pcaVectors, pcaValues, pcaSumValues, with async=false", 202: _JOB},
        query=e.ComponentsQuery,
        body=e.OneContext,
    ),
    _call(
        "POST",
        _P + "/exploresvd",
        explore_calls.svd,
        "annotator",
        "Singular values",
        {200: "KSVSMap, with async=false", 202: _JOB},
        query=e.JobQuery,
        body=e.OneContext,
    ),
    _call(
        "POST",
        _P + "/exploresvdfs",
        explore_calls.svd_selection,
        "annotator",
        "Attributes that do not depend on each other",
        {200: "KSVSMap, with async=false", 202: _JOB},
        query=e.JobQuery,
        body=e.OneContext,
    ),
    _call(
        "POST",
        _P + "/densityEstimate",
        explore_calls.density,
        "annotator",
        "Counts in equal bins",
        {200: "densityList", 202: _JOB},
        query=e.DensityQuery,
        body=e.ExploreContext,
    ),
    _call(
        "POST",
        _P + "/conditionalDensityEstimate",
        explore_calls.conditional_density,
        "annotator",
        "Counts in equal bins, by the levels of the column that the project is split by",
        {200: "densityList", 202: _JOB},
        query=e.ConditionalDensityQuery,
        body=e.ExploreContext,
    ),
    _call(
        "POST",
        "/projects/dataDrift",
        explore_calls.drift,
        "annotator",
        "How far a project has drifted from another",
        {200: "KSVDMap"},
        body=e.MLContext,
    ),
    _call(
        "POST",
        _P + "/build",
        model_calls.build,
        "user",
        "Build a model of any algorithm",
        {202: _JOB},
        query=e.BuildQuery,
        body=e.MLContext,
    ),
    _call("GET", _P + "/models/{mid}", model_calls.info, "annotator", "A model", {200: "modelInfo"}),
    _call(
        "GET",
        _P + "/models/{mid}/code",
        model_calls.code,
        "annotator",
        "A linear model as a function in SQL or Java",
        {200: "string"},
        query=e.CodeQuery,
    ),
    _call(
        "GET",
        _P + "/model/export",
        model_calls.export,
        "annotator",
        "A model's JSON in Base64",
        {200: "string"},
        query=e.ModelQuery,
    ),
    _call(
        "POST",
        _P + "/model/import",
        model_calls.import_model,
        "user",
        "Import an exported model",
        {200: "modelInfo"},
        query=e.ModelQuery,
        body=e.StoredModel,
        body_form="base64",
    ),
    _call("DELETE", _P + "/models/{mid}", model_calls.delete, "user", "Delete a model", {200: "OK"}),
    _call(
        "POST",
        _P + "/predict/{mid}",
        model_calls.predict,
        "annotator",
        "Predict rows",
        {200: "KSVSMap"},
        query=e.PredictQuery,
        body=e.DataFrame,
    ),
    # Federation
    _call(
        "POST",
        "/fedml/create",
        federation_calls.create,
        "superuser",
        "Create a federation and its project",
        {201: "Project Created with id:X", 409: "It exists already."},
        query=e.NewFederationQuery,
        body=e.Parameters,
        body_form="encrypted",
    ),
    _call(
        "POST",
        "/fedml/createJoin",
        federation_calls.create_join,
        "superuser",
        "Join a federation",
        {201: "Fed Project created with join", 409: "It exists already."},
        query=e.NewFederationQuery,
        body=e.Parameters,
        body_form="encrypted",
    ),
    _call(
        "POST",
        _F + "/getInvitation",
        federation_calls.get_invitation,
        "superuser",
        "One invitation",
        {200: "encryptedGroupInfo"},
        body=e.Parameters,
        body_form="encrypted",
    ),
    _call(
        "GET", _F + "/info", federation_calls.info, "annotator", "The federation", {200: "fedInfoEncrypted"}
    ),
    _call("GET", _F + "/startPulse", federation_calls.start_pulse, "superuser", "Start syncing", {200: "OK"}),
    _call("GET", _F + "/stopPulse", federation_calls.stop_pulse, "superuser", "Stop syncing", {200: "OK"}),
    _call(
        "GET", _F + "/fullSyncRequest", federation_calls.full_sync_request, "user", "Sync once", {200: "OK"}
    ),
    _call(
        "GET",
        _F + "/syncStats",
        federation_calls.sync_stats,
        "annotator",
        "Counts and logs",
        {200: "fedSyncStats"},
    ),
    _call(
        "GET",
        _F + "/getSyncLog",
        federation_calls.get_sync_log,
        "annotator",
        "The sync log",
        {200: "stringList"},
    ),
    _call(
        "GET",
        _F + "/getErrorLog",
        federation_calls.get_error_log,
        "annotator",
        "The error log",
        {200: "stringList"},
    ),
)
