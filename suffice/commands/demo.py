"""``suffice demo``: the command; what it does is in ``suffice/demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from suffice.terminal import JsonOption, reporting


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the nodes running, and say what to try with them.")
    ] = False,
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
    """
    with reporting(as_json):
        from suffice.demo import run

        run(keep=keep, as_json=as_json)
