"""Contents in a bucket of an S3 service, by pyarrow: for files that outgrow the node's disk."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any, BinaryIO, cast

from node.errors import BadRequest, Unavailable

PIECE = 8 * 2**20
"""Bytes of one part of an upload."""


class BucketBlobs:
    """One object for each content, below the node's own prefix: several nodes may share a bucket.

    `url`: s3://BUCKET/PREFIX, with what pyarrow takes as its query (region, scheme, endpoint_override).
    Keys come from where AWS's own tools look for them: the environment, ~/.aws, the machine's role.
    `local`: where contents may lie that were kept on the disk before; they are moved.
    """

    def __init__(self, url: str, node_id: str, local: Path) -> None:
        self._url = url
        self._node_id = node_id
        self._local = local
        self._bucket = self._base = ""
        self._files: Any = None

    def prepare(self) -> None:
        """Connect, and move what lies on the disk. Raises BadRequest for the URL, Unavailable."""
        try:
            from pyarrow import fs
        except ImportError as error:
            raise Unavailable("a bucket needs pyarrow", "pip install 'suffice[files]'") from error
        if not self._url.startswith("s3://") or "@" in self._url:
            raise BadRequest(
                "the files' bucket is not s3://BUCKET/PREFIX without keys",
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
            )
        try:
            self._files, path = fs.FileSystem.from_uri(self._url)
            self._bucket = path.partition("/")[0]
            self._base = "/".join((path.rstrip("/"), self._node_id))
            if self._files.get_file_info(self._bucket).type is not fs.FileType.Directory:
                raise Unavailable(f"there is no bucket {self._bucket!r}", "make it, or name another")
            for file in sorted(path for path in self._local.rglob("*") if path.is_file()):
                self.put(file.name, file)
                file.unlink()
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"the files' bucket cannot be used: {error}", "see to the S3 service"
            ) from error

    def put(self, digest: str, file: Path) -> None:
        key = self._key(digest)
        with file.open("rb") as source, self._files.open_output_stream(key) as target:
            shutil.copyfileobj(source, target, PIECE)
        if self._files.get_file_info(key).size != file.stat().st_size:
            raise OSError(f"{key} did not arrive whole")

    def remove(self, digest: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.delete_file(self._key(digest))

    def open(self, digest: str) -> BinaryIO:
        return cast("BinaryIO", self._files.open_input_file(self._key(digest)))

    def _key(self, digest: str) -> str:
        return f"{self._base}/{digest}"
