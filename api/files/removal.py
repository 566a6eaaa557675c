"""DELETE of one file, and POST /delete_many of files and folders."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from aiohttp import web

from api.app_keys import NODE
from api.problems import bad_request
from node.errors import NodeError
from node.file_store import FileStore

MAX_DELETED: Final = 10_000
"""Names in one request."""


async def delete(request: web.Request) -> web.Response:
    """See to it that there is no such file; answers its path.

    What is gone already is no error: the SDK deletes a task, whereby the node deletes the task's files,
    and then asks for each of them by itself.
    """
    path = request.match_info["path"]
    await request.app[NODE].files.delete([path])
    return web.json_response(path.lstrip("/"))


async def delete_many(request: web.Request) -> web.Response:
    """Remove files, and folders with all that is below them, named by URL or path.

    Answers {"deleted": {name: path}, "errors": {reason: [names]}}.
    """
    files = request.app[NODE].files
    deleted: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    for name in await _names(request):
        try:
            path = await _removed(files, name)
        except NodeError as error:
            errors.setdefault(error.message, []).append(name)
            continue
        if path is None:
            errors.setdefault("Not found", []).append(name)
        else:
            deleted[name] = path
    return web.json_response({"deleted": deleted, "errors": errors})


async def _removed(files: FileStore, name: str) -> str | None:
    """The path that was removed: as it is written, or else percent-decoded. None if there is no such path."""
    path = urlsplit(name).path if "://" in name else name
    for candidate in dict.fromkeys((path, unquote(path)) if "://" not in name else (unquote(path),)):
        if await files.delete([candidate]) or await files.delete_folder(candidate):
            return candidate.lstrip("/")
    return None


async def _names(request: web.Request) -> list[str]:
    try:
        body: Any = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise bad_request("The body is not JSON.", 'Send {"files": [path, ...]}.') from None
    names = body.get("files") if isinstance(body, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise bad_request("The body names no files.", 'Send {"files": [path, ...]}.')
    if len(names) > MAX_DELETED:
        raise bad_request(f"More than {MAX_DELETED:,} files are named.", "Send them in several requests.")
    return names
