"""Tables that are elsewhere, behind an address or in a database, brought into a file to be read from there.

A file is copied as it is; rows of a database become CSV. Memory does not grow with them. Runs in a worker
process, or in a thread for a preview, which brings only the beginning.
"""

from __future__ import annotations

import asyncio
import csv
import datetime
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol

import aiohttp
import sqlalchemy as sa
from yarl import URL

from node.places.place import Place
from node.sources import FORMATS, Source, SourceError, open_source

CHUNK: Final = 1 << 20
PREVIEW_BYTES: Final = 2 << 20
"""Of a CSV file, where its first rows are enough; a compressed or a Parquet file is brought whole."""
PREVIEW_ROWS: Final = 1000
ROWS_AT_ONCE: Final = 5000

SILENT_SECONDS: Final = 60.0
"""How long the other side may say nothing."""

Tell = Callable[[int, int], None]


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


def open_place(place: Place, folder: Path, tell: Tell, *, preview: bool = False) -> Source:
    """The table at a place, a copy of it in `folder` unless it is on this machine.

    tell: hears of bytes (rows, of a database) done of how many, 0 if that is not known. Raises SourceError,
    in which no secret of the place appears.
    """
    if place.type == "localfile":
        return open_source(place.info["path"], place.format, place.separator)
    fetch = _FETCH[place.type]
    try:
        path = fetch(place, folder, tell, preview)
    except SourceError:
        raise
    except Exception as error:  # whatever the libraries of the other side raise
        raise SourceError(f"{place.name} cannot be read: {_without_secrets(place, error)}") from None
    return open_source(path, "csv" if place.type in ("sql", "jdbc") else place.format, place.separator)


@contextmanager
def first_rows(place: Place) -> Iterator[Source]:
    """The beginning of the table at a place, long enough to guess its types. Raises SourceError."""
    with tempfile.TemporaryDirectory(prefix="suffice-") as folder:
        yield open_place(place, Path(folder), lambda *_: None, preview=True)


def _without_secrets(place: Place, error: Exception) -> str:
    # SQLAlchemy's own text repeats the statement.
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    for secret in place.secrets():
        text = text.replace(secret, "***")
    return text[:500]


def _named(place: Place, folder: Path, content_type: str = "") -> Path:
    """The copy's path: its name tells the format, as open_source has it."""
    name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in place.name)[-100:]
    if not any(name.lower().endswith(end) for end in FORMATS):
        form = place.format or ("parquet" if "parquet" in content_type else "")
        form = form or ("csv" if "csv" in content_type else "")
        name += f".{form}" if form else ""
    return folder / (name.lstrip(".") or "table")


def _copy(source: _Reader, path: Path, tell: Tell, total: int, preview: bool) -> None:
    most = PREVIEW_BYTES if preview and path.suffix in (".csv", ".tsv") else None
    done = 0
    with path.open("wb") as file:
        while data := source.read(CHUNK):
            file.write(data)
            done += len(data)
            tell(done, total)
            if most is not None and done >= most:
                _cut(file, data)
                return


def _cut(file: IO[bytes], last: bytes) -> None:
    """Leave out the row that has only begun."""
    end = last.rfind(b"\n") + 1
    if end:
        file.truncate(file.tell() - len(last) + end)


def _from_web(place: Place, folder: Path, tell: Tell, preview: bool) -> Path:
    return asyncio.run(_download(place, folder, tell, preview))


async def _download(place: Place, folder: Path, tell: Tell, preview: bool) -> Path:
    quiet = aiohttp.ClientTimeout(total=None, sock_connect=SILENT_SECONDS, sock_read=SILENT_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=quiet) as session,
        # As it is in storage: a .gz is not to be unpacked on the way.
        session.get(URL(place.info["path"]), headers={"Accept-Encoding": "identity"}) as answer,
    ):
        if answer.status != 200:
            raise SourceError(
                f"{place.name} cannot be read: its server answers {answer.status} {answer.reason}"
            )
        path = _named(place, folder, answer.content_type)
        total, done = answer.content_length or 0, 0
        most = PREVIEW_BYTES if preview and path.suffix in (".csv", ".tsv") else None
        with path.open("wb") as file:
            async for data in answer.content.iter_chunked(CHUNK):
                file.write(data)
                done += len(data)
                tell(done, total)
                if most is not None and done >= most:
                    _cut(file, data)
                    break
        return path


def _from_s3(place: Place, folder: Path, tell: Tell, preview: bool) -> Path:
    path = _named(place, folder)
    with s3(place).open_input_file(object_of(place)) as source:
        _copy(source, path, tell, source.size(), preview)
    return path


def s3(place: Place) -> Any:
    """The filesystem of pyarrow's that such a place is in."""
    from pyarrow import fs

    info = place.info
    options: dict[str, Any] = {
        "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=3),
        "connect_timeout": SILENT_SECONDS,
        "request_timeout": SILENT_SECONDS,
    }
    if "s3accessKey" in info:
        options |= {"access_key": info["s3accessKey"], "secret_key": info["s3secretKey"]}
    else:
        options["anonymous"] = True
    if "s3endpoint" in info:
        endpoint = URL(info["s3endpoint"])
        options |= {"scheme": endpoint.scheme, "endpoint_override": endpoint.authority}
    elif "s3region" not in info:
        options["region"] = fs.resolve_s3_region(info["s3bucket"])
    if "s3region" in info:
        options["region"] = info["s3region"]
    return fs.S3FileSystem(**options)


def object_of(place: Place) -> str:
    """Bucket and key."""
    return f"{place.info['s3bucket']}/{place.info['path'].lstrip('/')}"


def _from_database(place: Place, folder: Path, tell: Tell, preview: bool) -> Path:
    path = folder / "rows.csv"
    url = place.database()
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise SourceError(f"{place.name} cannot be read: there is no database {url.database!r}")
    engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
    # Nothing is ever committed.
    with engine.connect() as connection, path.open("w", encoding="utf-8", newline="") as file:
        streaming = connection.execution_options(stream_results=True, max_row_buffer=ROWS_AT_ONCE)
        query = place.info.get("query")
        found = streaming.execute(_whole(place)) if query is None else streaming.exec_driver_sql(query)
        if not found.returns_rows:
            raise SourceError(f"{place.name} gives no rows: write a SELECT")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(found.keys())
        done = 0
        while rows := found.fetchmany(PREVIEW_ROWS if preview else ROWS_AT_ONCE):
            writer.writerows([_text(cell) for cell in row] for row in rows)
            done += len(rows)
            tell(done, 0)
            if preview:
                break
    return path


def _whole(place: Place) -> sa.Select[Any]:
    schema, _, name = (place.info.get("table") or place.info["path"]).rpartition(".")
    return sa.select(sa.text("*")).select_from(sa.table(name, schema=schema or None))


def _text(cell: Any) -> Any:
    """A cell of a database as one of CSV, in which a line break would end the row."""
    match cell:
        case bool():
            return "true" if cell else "false"
        case str():
            return " ".join(cell.splitlines()) if "\n" in cell or "\r" in cell else cell
        case bytes():
            return cell.hex()
        case datetime.datetime():
            return cell.isoformat(sep=" ")
    return cell


_FETCH: Final[dict[str, Callable[[Place, Path, Tell, bool], Path]]] = {
    "http": _from_web,
    "s3": _from_s3,
    "sql": _from_database,
    "jdbc": _from_database,
}


def listed(place: Place, under: str, most: int) -> tuple[list[str], list[str]]:
    """(files, folders) right below a path of the machine or of a bucket, by name, at most so many together.

    Raises SourceError.
    """
    from pyarrow import fs

    system = fs.LocalFileSystem() if place.type == "localfile" else s3(place)
    root = under if place.type == "localfile" else f"{place.info['s3bucket']}/{under.strip('/')}".rstrip("/")
    try:
        found: Sequence[Any] = system.get_file_info(fs.FileSelector(root))
    except OSError as error:
        raise SourceError(f"{under!r} cannot be listed: {_without_secrets(place, error)}") from None
    first = sorted(found, key=lambda item: item.base_name)[:most]
    files = [item.base_name for item in first if item.type is fs.FileType.File]
    return files, [item.base_name for item in first if item.type is fs.FileType.Directory]
