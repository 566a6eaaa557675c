"""A script that came as an archive, laid out in a folder."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Final

from node.errors import BadRequest

MOST_BYTES: Final = 2 << 30
MOST_FILES: Final = 20_000


def unpack(archive: Path, folder: Path) -> Path:
    """Lay out a zip or (compressed) tar archive in a folder; where its contents are: there, or in the only
    folder that it has. Nothing is written elsewhere, and no link is made.

    Raises BadRequest for a file that is neither, or holds too much.
    """
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, folder)
        elif tarfile.is_tarfile(archive):
            _untar(archive, folder)
        else:
            raise BadRequest(
                "the script is neither a zip nor a tar archive", "pack its folder with zip or tar"
            )
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError) as error:
        raise BadRequest(f"the archive cannot be unpacked: {str(error)[:200]}", "pack it anew") from None
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and inside[0].name != "src" else folder


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        _check_size(len(members), sum(member.file_size for member in members))
        for member in members:
            packed.extract(member, folder)  # no more than it says; names stay below the folder


def _untar(archive: Path, folder: Path) -> None:
    size = 0
    with tarfile.open(archive) as packed:
        for number, member in enumerate(packed, 1):
            size += member.size
            _check_size(number, size)
            target = (folder / member.name).resolve()
            if not target.is_relative_to(folder.resolve()):
                raise BadRequest(
                    f"the archive has the file {member.name[:80]!r}", "pack names below its folder"
                )
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            elif (content := packed.extractfile(member) if member.isfile() else None) is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                with content, target.open("wb") as file:
                    shutil.copyfileobj(content, file)
                target.chmod(0o700 if member.mode & 0o100 else 0o600)


def _check_size(files: int, size: int) -> None:
    if files > MOST_FILES or size > MOST_BYTES:
        raise BadRequest(
            f"the archive has more than {MOST_FILES:,} files or {MOST_BYTES >> 30} GB",
            "leave out what is not needed",
        )
