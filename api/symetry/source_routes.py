"""SymetryML's calls of data sources."""

from __future__ import annotations

from typing import Final

from api.routes import Route
from api.symetry import entities as e
from api.symetry import source_calls
from api.symetry.routing import JOB, PROJECT, call

_D: Final = "/dss/{dsid}"

ROUTES: Final[tuple[Route, ...]] = (
    call(
        "POST",
        "/dss/create",
        source_calls.create,
        "superuser",
        "Name a data source",
        {201: "DS created with name [X]", 409: "It exists already."},
        body=e.DSInfo,
        body_form="encrypted",
    ),
    call("GET", "/dss/", source_calls.listed, "annotator", "List the sources", {200: "stringList"}),
    call("GET", _D, source_calls.info, "annotator", "A data source", {200: "dsinfo, encrypted"}),
    call(
        "PUT",
        _D,
        source_calls.update,
        "superuser",
        "Let a name mean another table",
        {200: "DS updated", 404: "No such source."},
        body=e.DSInfo,
        body_form="encrypted",
    ),
    call("DELETE", _D, source_calls.delete, "superuser", "Delete a source", {200: "OK", 409: "In use."}),
    call("GET", _D + "/sample", source_calls.sample, "superuser", "Its first rows", {200: "dataframe"}),
    call(
        "POST",
        "/dss/sample/preview",
        source_calls.preview,
        "superuser",
        "The first rows of a table that has no name",
        {200: "dataframe"},
        body=e.DSInfo,
        body_form="encrypted",
    ),
    call(
        "POST",
        "/projects/dsbrowse",
        source_calls.browse,
        "superuser",
        "Files and folders below a path of the machine, or of a bucket",
        {200: "dsdirectoryListing"},
        body=e.DSListingRequest,
        body_form="encrypted",
    ),
    call(
        "GET",
        PROJECT + "/addds/{dsid}",
        source_calls.attach,
        "user",
        "Make a source one of the project's",
        {200: "smlInfo"},
    ),
    call("GET", PROJECT + "/detachds/{dsid}", source_calls.detach, "user", "Undo that", {200: "smlInfo"}),
    *(
        call(
            method,
            f"{PROJECT}/dss/{{dsid}}/{verb}",
            handler,
            "user",
            f"{verb.capitalize()} a source; the DataFrame says which columns, and their types",
            {202: JOB},
            **more,
        )
        for verb, handler in (("learn", source_calls.learn), ("forget", source_calls.forget))
        for method, more in (("GET", {}), ("POST", {"body": e.DataFrame, "body_required": False}))
    ),
)
