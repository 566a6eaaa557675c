"""``suffice demo``: the command; what it does is in ``suffice/demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suffice.terminal import JsonOption, reporting


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the nodes running, and say what to try with them.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Only write the flights there, a CSV file per airport.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Three airports, one model: the tour of suffice on 336,776 real flights.

    Starts an admin node for EWR and peers for JFK and LGA, each with its own folder, keys and store; joins
    them in a federation; lets each learn its own flights; fits one regression on a peer; and shows that
    statistics and coefficients are those of the pooled table, to the bit. Ctrl-C at any moment leaves
    nothing behind.

    Needs the flights: pip install "suffice[demo]".

    Examples:

        suffice demo

        suffice demo --json

        suffice demo --keep

        suffice demo --data flights
    """
    with reporting(as_json):
        from suffice.demo import run, write_data

        if data is not None:
            write_data(data, as_json=as_json)
        else:
            run(keep=keep, as_json=as_json)
