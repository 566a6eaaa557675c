"""The route table of the Gravity dialect."""

from __future__ import annotations

from typing import Final

from api.gravity import calls
from api.gravity.entities import JobEnvelope, JobsEnvelope, LinkEnvelope, Renaming, SubmissionForm
from api.routes import Route

_JOBS: Final = "/api/v1/jobs"

ROUTES: Final = (
    Route(
        "POST",
        _JOBS,
        calls.submit,
        "Have a file scored",
        "gravity",
        "key",
        body=SubmissionForm,
        body_form="form",
        answers={200: JobEnvelope},
    ),
    Route(
        "GET",
        f"{_JOBS}/latest",
        calls.latest,
        "The latest jobs of the key, newest first",
        "gravity",
        "key",
        answers={200: JobsEnvelope},
    ),
    Route("GET", _JOBS + "/{job}", calls.got, "A job", "gravity", "key", answers={200: JobEnvelope}),
    Route(
        "PUT",
        _JOBS + "/{job}",
        calls.renamed,
        "Rename a job",
        "gravity",
        "key",
        body=Renaming,
        answers={200: JobEnvelope},
    ),
    Route(
        "GET",
        _JOBS + "/result-link/{job}",
        calls.link,
        "A link to a job's output",
        "gravity",
        "key",
        answers={200: LinkEnvelope},
    ),
    Route(
        "GET",
        "/api/v1/results/{token}/{name}",
        calls.result,
        "A job's output, by the link to it",
        "gravity",
        "open",
        answers={200: "The output.", 206: "A part of it."},
    ),
)
