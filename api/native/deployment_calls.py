"""Deployments in the native dialect: what they are made of, their keys, what was used of them."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.access import check_role
from api.bodies import parse_json
from api.forms import data_and_file
from api.native.binding import answer, validated
from api.native.deployment_entities import (
    Activation,
    DeploymentKeys,
    Deployments,
    FileVersionForm,
    NewDeployment,
    NewDeploymentKey,
    NewDeploymentKeyInfo,
    NewFileVersion,
    NewVersion,
    Terms,
    UsageFilter,
    UsageReport,
    plain,
)
from api.native.paths import DEPLOYMENT, EMPTY
from api.passing import PASSING
from api.problems import Problem, bad_request
from api.routes import Call, Route
from node.deployments import Deployment, DeploymentKey, Version, add_file, dollars, uploaded_path
from node.keys import Role


async def create(call: Call) -> web.Response:
    body: NewDeployment = call.body
    made = await call.node.deployments.create(
        body.name, call.key.user, group_size=body.group_size, price=body.price
    )
    return answer(made, 201)


async def listed(call: Call) -> web.Response:
    return answer({"deployments": await call.node.deployments.list()})


async def got(call: Call) -> web.Response:
    return answer(await call.node.deployments.get(call.part("deployment")))


async def change_terms(call: Call) -> web.Response:
    body: Terms = call.body
    name = (await _own(call)).name
    return answer(
        await call.node.deployments.change_terms(name, group_size=body.group_size, price=body.price)
    )


async def delete(call: Call) -> web.Response:
    await call.node.deployments.delete((await _own(call)).name)
    return answer({})


async def add_version(call: Call) -> web.Response:
    body: NewVersion = call.body
    made = await call.node.deployed_models.add(
        (await _own(call)).name,
        body.project,
        body.model,
        owner=call.key.user,
        version=body.version,
        schema=plain(body.given_schema),
        impute=body.impute,
    )
    return answer(made, 201)


async def add_file_version(call: Call) -> web.Response:
    """Who may deploy a script has others' programs run on the node: that takes more than to deploy a file."""
    PASSING.get().unhurried()
    name, files = (await _own(call)).name, call.node.files

    async def asked(data: bytes) -> NewFileVersion:
        body: NewFileVersion = validated(NewFileVersion, await parse_json(data), "data")
        if body.kind == "script":
            check_role(call.key.role, "superuser")
        elif body.told():
            raise bad_request("An ONNX file is not run by a script's words.", "Leave them out.")
        return body

    path = uploaded_path()
    async with files.upload(call.key.user) as upload:
        upload.expect(call.request.content_length or 0)
        body, file_name = await data_and_file(call.request, upload, path, asked)
        made = await add_file(
            call.node.deployments,
            name,
            body.kind,
            upload,
            path,
            file_name=file_name,
            owner=call.key.user,
            version=body.version,
            schema=plain(body.given_schema),
            told=body.told(),
        )
    return answer(made, 201)


async def activate(call: Call) -> web.Response:
    body: Activation = call.body
    name = (await _own(call)).name
    return answer(await call.node.deployments.set_active(name, call.part("version"), body.active))


async def create_key(call: Call) -> web.Response:
    body: NewDeploymentKey = call.body
    name = (await _own(call)).name
    key, text = await call.node.deployment_keys.create(name, call.key.user, body.label)
    return answer(
        NewDeploymentKeyInfo(
            key=text,
            id=key.id,
            deployment=key.deployment,
            user=key.user,
            label=key.label,
            created=key.created,
        ),
        201,
    )


async def listed_keys(call: Call) -> web.Response:
    return answer({"keys": await call.node.deployment_keys.list((await _own(call)).name)})


async def revoke_key(call: Call) -> web.Response:
    name = (await _own(call)).name
    return answer(await call.node.deployment_keys.revoke(name, call.part("key")))


async def used(call: Call) -> web.Response:
    return await _report(call, (await _own(call)).name)


async def used_in_all(call: Call) -> web.Response:
    return await _report(call, None)


async def _report(call: Call, deployment: str | None) -> web.Response:
    query: UsageFilter = call.query
    lines = await call.node.usage.report(deployment, key=query.key, month=query.month)
    units = sum(line.units for line in lines)
    return answer({"usage": lines, "units": units, "dollars": dollars(units)})


async def _own(call: Call) -> Deployment:
    """The deployment of the path, which its owner and superusers may change. Raises NotFound, `Problem`."""
    found = await call.node.deployments.get(call.part("deployment"))
    if found.owner != call.key.user and call.key.role not in (Role.SUPERUSER, Role.ADMIN):
        raise Problem(
            403,
            "forbidden",
            f"Deployment {found.name!r} belongs to {found.owner!r}.",
            "Its owner or a superuser may do this.",
        )
    return found


ROUTES: Final = (
    Route(
        "POST",
        "/api/deployments",
        create,
        "Make a deployment",
        access="user",
        answers={201: Deployment},
        body=NewDeployment,
    ),
    Route(
        "GET",
        "/api/deployments",
        listed,
        "List the deployments",
        access="annotator",
        answers={200: Deployments},
    ),
    Route(
        "GET",
        "/api/usage",
        used_in_all,
        "What was used of all deployments, those that are gone too",
        access="superuser",
        answers={200: UsageReport},
        query=UsageFilter,
    ),
    Route("GET", DEPLOYMENT, got, "A deployment", access="annotator", answers={200: Deployment}),
    Route(
        "PATCH",
        DEPLOYMENT,
        change_terms,
        "Change the terms of a deployment",
        access="user",
        answers={200: Deployment},
        body=Terms,
    ),
    Route(
        "DELETE",
        DEPLOYMENT,
        delete,
        "End a deployment and its keys",
        access="user",
        answers={200: EMPTY},
    ),
    Route(
        "POST",
        f"{DEPLOYMENT}/versions",
        add_version,
        "Deploy a model of a project",
        access="user",
        answers={201: Version},
        body=NewVersion,
    ),
    Route(
        "POST",
        f"{DEPLOYMENT}/files",
        add_file_version,
        "Deploy an ONNX file, or (superusers) a script",
        access="user",
        answers={201: Version},
        body=FileVersionForm,
        body_form="form",
    ),
    Route(
        "PATCH",
        DEPLOYMENT + "/versions/{version}",
        activate,
        "Let a version be used, or not",
        access="user",
        answers={200: Version},
        body=Activation,
    ),
    Route(
        "POST",
        f"{DEPLOYMENT}/keys",
        create_key,
        "Make a key of a deployment",
        access="user",
        answers={201: NewDeploymentKeyInfo},
        body=NewDeploymentKey,
    ),
    Route(
        "GET",
        f"{DEPLOYMENT}/keys",
        listed_keys,
        "List the keys of a deployment",
        access="user",
        answers={200: DeploymentKeys},
    ),
    Route(
        "DELETE",
        DEPLOYMENT + "/keys/{key}",
        revoke_key,
        "Revoke a key of a deployment",
        access="user",
        answers={200: DeploymentKey},
    ),
    Route(
        "GET",
        f"{DEPLOYMENT}/usage",
        used,
        "What was used of a deployment, by key and month",
        access="user",
        answers={200: UsageReport},
        query=UsageFilter,
    ),
)
