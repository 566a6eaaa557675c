"""``suffice deployment``: models that score files for others, who need a key and nothing else."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from suffice.client import Client, Json
from suffice.commands.local_files import read_object
from suffice.terminal import HomeOption, JsonOption, NodeOption, connected, emit, new_group

app = new_group("Deploy models that score files for whoever holds a key, by the Gravity AI jobs API.")

NameArgument = Annotated[
    str, typer.Argument(metavar="DEPLOYMENT", help="The deployment's name.", show_default=False)
]
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="Such as 0.0.1.", show_default=False)]
KeyArgument = Annotated[
    str,
    typer.Argument(metavar="KEY", help="The part of the key between GAI- and the dot.", show_default=False),
]
GroupOption = Annotated[
    int | None,
    typer.Option("--group-size", metavar="RECORDS", help="Records that are paid for together."),
]
PriceOption = Annotated[
    int | None,
    typer.Option("--price", metavar="UNITS", help="What a group costs, in units of $0.001."),
]


@app.command()
def create(
    name: NameArgument,
    group_size: GroupOption = None,
    price: PriceOption = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a deployment. It scores once it has a version; by default a record is a group and costs nothing.

    Example: every 100 records, or what is left of them, cost 2 cents.

        suffice deployment create delays --group-size 100 --price 20
    """
    with connected(node, home, as_json) as client:
        from suffice.deployment_tables import deployment

        made = client.create_deployment(
            name, group_size=1 if group_size is None else group_size, price=price or 0
        )
        emit(made, as_json, deployment)


@app.command("add-version")
def add_version(
    name: NameArgument,
    model: Annotated[
        str | None,
        typer.Option(metavar="PROJECT/MODEL", help="A model of the node, as it is now.", show_default=False),
    ] = None,
    onnx: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An ONNX file.", show_default=False)
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A script, with what it needs beside it; or a zip or tar of that. It runs in a sandbox.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="By default the last number, one higher.", show_default=False)
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='JSON: what of its schema is to be otherwise, such as {"input": [{"path": "x", "type": '
            '"number", "optional": true}]}.',
            show_default=False,
        ),
    ] = None,
    impute: Annotated[
        bool, typer.Option("--impute", help="Of a model of the node: estimate missing inputs.")
    ] = False,
    entry: Annotated[
        str | None, typer.Option(metavar="FILE", help="Of a script: what is run [default: main.py].")
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            metavar="WORDS",
            help="Of a script without the package gravityai: python main.py {input} {output}.",
        ),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deploy the next version: a model of the node, an ONNX file or a script. It scores from now on.

    A version never changes: fit the model anew and its version scores as before.

    Examples:

        suffice deployment add-version delays --model flights/delay

        suffice deployment add-version delays --onnx delay.onnx --version 2.0.0

        suffice deployment add-version delays --script ./hypotenuse
    """
    if sum(given is not None for given in (model, onnx, script)) != 1:
        raise typer.BadParameter("give one of --model, --onnx and --script")
    with connected(node, home, as_json) as client:
        from suffice.deployment_tables import version as shown

        told = {} if schema is None else {"schema": read_object(schema, "schema")}
        if model is not None:
            project, found, named = model.partition("/")
            if not found:
                raise typer.BadParameter("--model: write PROJECT/MODEL")
            made = client.deploy_model(name, project, named, version=version, impute=impute, **told)
        elif onnx is not None:
            made = client.deploy_file(name, onnx, "onnx", version=version, **told)
        else:
            assert script is not None  # noqa: S101
            made = _deploy_script(client, name, script, version, entry=entry, command=command, **told)
        emit(made, as_json, shown)


@app.command("list")
def list_deployments(node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the node's deployments.

    Example:

        suffice deployment list
    """
    with connected(node, home, as_json) as client:
        from suffice.deployment_tables import deployments

        emit(client.deployments(), as_json, deployments)


@app.command()
def show(
    name: NameArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show a deployment: its terms, its versions, and what the one that scores takes and gives.

    Example:

        suffice deployment show delays
    """
    with connected(node, home, as_json) as client:
        from suffice.deployment_tables import deployment

        emit(client.deployment(name), as_json, deployment)


@app.command()
def change(
    name: NameArgument,
    group_size: GroupOption = None,
    price: PriceOption = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change the terms for the jobs from now on.

    Example:

        suffice deployment change delays --price 30
    """
    with connected(node, home, as_json) as client:
        from suffice.deployment_tables import deployment

        emit(client.change_deployment(name, group_size=group_size, price=price), as_json, deployment)


@app.command()
def activate(
    name: NameArgument,
    version: VersionArgument,
    off: Annotated[bool, typer.Option("--off", help="Let it not be used any more.")] = False,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a version be used, or with --off not: the newest active one scores jobs that name none.

    Example: go back to the version before.

        suffice deployment activate delays 0.0.2 --off
    """
    with connected(node, home, as_json) as client:
        from suffice.deployment_tables import version as shown

        emit(client.activate_version(name, version, active=not off), as_json, shown)


@app.command()
def key(
    name: NameArgument,
    label: Annotated[str, typer.Option(help="Whom it is for.")] = "",
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key, which is shown this once. It lets its holder have files scored, and nothing else.

    Example:

        suffice deployment key delays --label "Newark operations"
    """
    with connected(node, home, as_json) as client:
        from suffice.deployment_tables import new_key

        emit(client.create_deployment_key(name, label), as_json, new_key)


@app.command()
def keys(
    name: NameArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List the keys of a deployment, without what opens it.

    Example:

        suffice deployment keys delays
    """
    with connected(node, home, as_json) as client:
        from suffice.deployment_tables import keys as shown

        emit(client.deployment_keys(name), as_json, shown)


@app.command()
def revoke(
    name: NameArgument,
    key: KeyArgument,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a key at once. What it used stays in the report.

    Example:

        suffice deployment revoke delays h3Kq9dZx
    """
    with connected(node, home, as_json) as client:
        emit(client.revoke_deployment_key(name, key), as_json, lambda _: f"revoked {key}")


@app.command()
def usage(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[DEPLOYMENT]", help="All of them, for superusers, if none is named.", show_default=False
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="KEY", help="Of one key only.")] = None,
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Of one month (UTC) only.")] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What was used and what it costs, by month and key. Deleting jobs, keys or deployments changes nothing.

    Example:

        suffice deployment usage delays --month 2026-01
    """
    with connected(node, home, as_json) as client:
        from suffice.deployment_tables import usage as shown

        emit(client.usage(name, key=key, month=month), as_json, shown)


@app.command()
def delete(
    name: NameArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """End a deployment with its versions and keys. Its jobs and their costs stay.

    Example:

        suffice deployment delete delays
    """
    with connected(node, home, as_json) as client:
        emit(client.delete_deployment(name), as_json, lambda _: f"deleted {name}")


def _deploy_script(client: Client, name: str, script: Path, version: str | None, **told: Any) -> Json:
    with _archived(script) as archive:
        return client.deploy_file(name, archive, "script", version=version, **told)


@contextmanager
def _archived(script: Path) -> Iterator[Path]:
    """An archive as it is, a folder as an archive. Raises BadParameter."""
    if script.is_file():
        yield script
        return
    if not script.is_dir():
        raise typer.BadParameter(f"--script: {script} is neither a folder nor a file")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, f"{script.resolve().name}.tar.gz")
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(script, arcname=".")
        yield archive
