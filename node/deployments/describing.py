"""What an ONNX file or a script tells of itself, asked in a process of its own: it is somebody else's, and
may take that process down. The process is `python -P -m node.deployments.describing`, JSON in and JSON out.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Final

from node.errors import BadRequest, NodeError
from node.scoring import described, try_examples

SECONDS: Final = 600.0
"""How long it may take, the examples of a script included."""


async def describe(model: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a model, {"kind", "path", …}, once its examples did as they should.

    Raises BadRequest, also for a model that ends the process.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "node.deployments.describing",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate(json.dumps(dict(model)).encode())
    except TimeoutError:
        raise BadRequest(f"the model did not end within {SECONDS:g} s", "shorten its examples") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise BadRequest(
            f"the model cannot be read: it ended the process with code {process.returncode}",
            "check the file",
        )
    told = json.loads(output)
    if "message" in told:
        raise BadRequest(told["message"], told["remedy"])
    schema: dict[str, Any] = told["schema"]
    return schema


def main() -> None:
    outgoing = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints must not end up in the answer
    model = json.load(sys.stdin)
    try:
        told: dict[str, Any] = {"schema": described(model)}
        failed = [one for one in try_examples(model) if one.error] if model["kind"] == "script" else []
        if failed:
            told = {
                "message": f"the script fails its example {failed[0].input!r}: {failed[0].error}",
                "remedy": "correct the script, or its Tests",
            }
    except NodeError as error:
        told = {"message": error.message, "remedy": error.remedy}
    json.dump(told, outgoing)
    outgoing.flush()


if __name__ == "__main__":
    main()
