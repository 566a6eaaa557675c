"""The SymetryML dialect's route table: the part of its calls that this node has."""

from __future__ import annotations

from typing import Final

from api.routes import Route
from api.symetry import (
    encoder_calls,
    federation_calls,
    job_calls,
    model_routes,
    project_calls,
    source_routes,
)
from api.symetry import entities as e
from api.symetry.routing import JOB, PROJECT, call

_F = "/fedml/{pid}"
_E = "/encoders/{encodername}"

ROUTES: Final[tuple[Route, ...]] = (
    # Jobs
    call("GET", "/jobs", job_calls.listed, "annotator", "List all jobs", {200: "jobinfo: JobInfo[]"}),
    call(
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
    call(
        "DELETE",
        "/jobs/{jobid}",
        job_calls.kill,
        "user",
        "Kill a job",
        {200: "Job was killed", 202: "Job cannot be killed", 400: "No such job"},
    ),
    # Projects
    call(
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
    call(
        "GET", "/projects/list", project_calls.listed, "annotator", "List the projects", {200: "stringList"}
    ),
    call(
        "GET",
        "/projects/info",
        project_calls.all_info,
        "annotator",
        "All projects' info, by a job",
        {202: JOB},
    ),
    call(
        "GET",
        PROJECT + "/info",
        project_calls.info,
        "annotator",
        "A project's info",
        {200: "smlInfo", 202: JOB},
        query=e.AsyncQuery,
    ),
    call(
        "POST",
        PROJECT + "/learn",
        project_calls.learn,
        "user",
        "Learn a DataFrame",
        {200: "OK", 202: JOB},
        query=e.AsyncQuery,
        body=e.DataFrame,
    ),
    call(
        "POST",
        PROJECT + "/forget",
        project_calls.forget,
        "user",
        "Forget a DataFrame",
        {200: "OK", 202: JOB},
        query=e.AsyncQuery,
        body=e.DataFrame,
    ),
    call(
        "DELETE",
        PROJECT,
        project_calls.delete,
        "user",
        "Delete a project",
        {200: "deleted Project with id[...]"},
    ),
    call("GET", PROJECT + "/save", project_calls.save, "user", "Nothing to do: all is saved", {200: "OK"}),
    call("GET", PROJECT + "/freeze", project_calls.freeze, "user", "Let it learn no more", {200: "OK"}),
    call("GET", PROJECT + "/unfreeze", project_calls.unfreeze, "user", "Let it learn again", {200: "OK"}),
    call(
        "GET",
        PROJECT + "/merge",
        project_calls.merge,
        "user",
        "Add what another project has learned",
        {200: "smlInfo"},
        query=e.MergeQuery,
    ),
    call(
        "GET", PROJECT + "/export", project_calls.export, "user", "Its statistics, to carry", {200: "string"}
    ),
    call(
        "POST",
        PROJECT + "/import",
        project_calls.import_project,
        "user",
        "Make a project of exported statistics",
        {200: "smlInfo", 409: "It exists already."},
        query=e.ImportQuery,
        body=e.ExportedProject,
        body_form="base64",
    ),
    call(
        "POST",
        PROJECT + "/histogramEnable",
        project_calls.enable_histogram,
        "user",
        "Turn histograms on or off",
        {200: "smlInfo"},
        query=e.EnableQuery,
    ),
    call("GET", PROJECT + "/unload", project_calls.unload, "user", "Free its memory", {200: "OK"}),
    call(
        "GET",
        PROJECT + "/rename",
        project_calls.rename,
        "user",
        "Rename a project",
        {201: "smlInfo", 409: "Name taken."},
        query=e.RenameQuery,
    ),
    call(
        "GET",
        PROJECT + "/encoderAssign",
        encoder_calls.assign,
        "user",
        "Let the rows of an empty project pass through an encoder",
        {200: "smlInfo", 400: "The project has learned rows."},
        query=e.EncoderAssignQuery,
    ),
    # Encoders
    call(
        "POST",
        "/encoders/create",
        encoder_calls.create,
        "user",
        "Create a mean encoder",
        {201: "Encoder Created with id:X", 409: "It exists already."},
        query=e.NewEncoderQuery,
        body=e.Parameters,
        body_required=False,
    ),
    call("GET", "/encoders", encoder_calls.listed, "annotator", "List the encoders", {200: "stringList"}),
    call(
        "POST", _E + "/learn", encoder_calls.learn, "user", "Learn a DataFrame", {200: "OK"}, body=e.DataFrame
    ),
    call(
        "POST",
        _E + "/learnds",
        encoder_calls.learn_source,
        "user",
        "Learn a data source",
        {202: JOB},
        body=e.DSInfo,
        body_form="encrypted",
    ),
    call("GET", _E + "/dss", encoder_calls.sources, "annotator", "Sources learned", {200: "stringList"}),
    call("DELETE", _E, encoder_calls.delete, "user", "Delete an encoder", {200: "OK", 409: "It is in use."}),
    call("GET", _E + "/stats", encoder_calls.stats, "annotator", "Values by column", {200: "dataframe"}),
    call(
        "GET",
        _E + "/keyvals/{key}",
        encoder_calls.values,
        "annotator",
        "Values of a column",
        {200: "dataframe"},
    ),
    *(
        call(
            "POST",
            f"{_E}/keyvals/{{key}}/{verb}",
            encoder_calls.set_values,
            "user",
            "Set counts and sums of values",
            {200: "OK"},
            body=e.DataFrame,
        )
        for verb in ("setValue", "setValues")
    ),
    call(
        "POST",
        _E + "/createKeyValues",
        encoder_calls.create_values,
        "user",
        "Set counts and sums of values of any column",
        {200: "OK"},
        body=e.DataFrame,
    ),
    # Exploration, models, prediction; and data sources, behind the prediction of one
    *model_routes.ROUTES,
    *source_routes.ROUTES,
    # Federation
    call(
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
    call(
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
    call(
        "POST",
        _F + "/getInvitation",
        federation_calls.get_invitation,
        "superuser",
        "One invitation",
        {200: "encryptedGroupInfo"},
        body=e.Parameters,
        body_form="encrypted",
    ),
    call(
        "GET", _F + "/info", federation_calls.info, "annotator", "The federation", {200: "fedInfoEncrypted"}
    ),
    call("GET", _F + "/startPulse", federation_calls.start_pulse, "superuser", "Start syncing", {200: "OK"}),
    call("GET", _F + "/stopPulse", federation_calls.stop_pulse, "superuser", "Stop syncing", {200: "OK"}),
    call(
        "GET", _F + "/fullSyncRequest", federation_calls.full_sync_request, "user", "Sync once", {200: "OK"}
    ),
    call(
        "GET",
        _F + "/syncStats",
        federation_calls.sync_stats,
        "annotator",
        "Counts and logs",
        {200: "fedSyncStats"},
    ),
    call(
        "GET",
        _F + "/getSyncLog",
        federation_calls.get_sync_log,
        "annotator",
        "The sync log",
        {200: "stringList"},
    ),
    call(
        "GET",
        _F + "/getErrorLog",
        federation_calls.get_error_log,
        "annotator",
        "The error log",
        {200: "stringList"},
    ),
)
