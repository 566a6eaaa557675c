"""What the demo tells people at its end: the model, the comparison, the wire, and what to try next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from suffice.client import Json
from suffice.demo.flights import INPUTS
from suffice.demo.stage import Actor
from suffice.demo.story import FEDERATION, MODEL, PROJECT
from suffice.demo.verdict import Verdict
from suffice.demo.wire import Overheard
from suffice.model_table import model
from suffice.render import facts, listing


def outcome(record: Json, fitted_on: str, verdict: Verdict) -> RenderableType:
    """The model as the peer has it, then the digests side by side."""
    digests = [("pooled table", verdict.pooled_digest, "the reference")]
    digests += [
        (f"node {name}", digest, "identical" if digest == verdict.pooled_digest else "DIFFERENT")
        for name, digest in verdict.fused_digests.items()
    ]
    count, equal = len(verdict.coefficients), verdict.equal_coefficients
    if verdict.bit_identical:
        verdict_line = Text(
            f"Identical to the bit: statistics on every node, and {equal} of {count} coefficients.",
            "bold green",
        )
    else:
        verdict_line = Text(
            f"NOT identical: {equal} of {count} coefficients agree in all 64 bits.", "bold red"
        )
    return Group(
        Text(""),
        Text(f"Fitted on {fitted_on}, which has seen only its own flights:"),
        model(record),
        listing(("statistics of", "SHA-256", ""), digests, empty=""),
        verdict_line,
    )


def traffic(bytes_sent: Mapping[str, int], overheard: Overheard, door: str) -> RenderableType:
    """What each node sent, and what a listener without the federation's keys made of it."""
    words = ", ".join(sorted(overheard.words))
    return Group(
        Text(""),
        facts(
            "On the wire",
            [
                ("bytes sent", ", ".join(f"{name} {count:,}" for name, count in bytes_sent.items())),
                ("a stranger", door),
                (
                    "on the broker, without keys",
                    f"{overheard.messages} messages, {overheard.size:,} bytes; the largest "
                    f"({overheard.largest_size:,} bytes) begins {overheard.first_bytes.hex(' ', 4)}",
                ),
                (
                    "readable in it",
                    f"these attribute names: {words}" if words else "none of the attributes' names",
                ),
            ],
        ),
    )


def timing(rows: int, seconds: Mapping[str, float]) -> RenderableType:
    steps = ", ".join(f"{name} {value:.2f}" for name, value in seconds.items() if name != "total")
    return Text(f"{rows:,} rows in {seconds['total']:.1f} s: {steps}")


def next_steps(actors: Sequence[Actor], folder: Path, curl_config: Path) -> str:
    """Lines to paste while the nodes are kept; curl reads the key from a file, so that it shows nowhere."""
    peer = actors[1]
    row = '[20, 1400, 200, 17, "UA", 6]'
    names = ", ".join(f'"{name}"' for name in INPUTS)
    stops = [f"  suffice node stop --home {actor.home}" for actor in reversed(actors)]
    return "\n".join(
        [
            "",
            f"The nodes are running. To try, on {peer.name}:",
            "",
            f"  key={curl_config}; url={peer.ready['url']}/api",
            f"  curl -s -K $key $url/federations/{FEDERATION}",
            f"  curl -s -K $key $url/projects/{PROJECT}/statistics",
            f"  curl -s -K $key $url/projects/{PROJECT}/models/{MODEL}",
            f"  curl -s -K $key $url/projects/{PROJECT}/models/{MODEL}/predict \\",
            f"    -H 'Content-Type: application/json' -d '{{\"names\": [{names}], \"rows\": [{row}]}}'",
            f"  suffice project explore {PROJECT} arr_delay distance --home {peer.home}",
            "",
            "To end them:",
            "",
            *stops,
            f"  rm -r {folder}",
        ]
    )
