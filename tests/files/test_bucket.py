"""Files in a bucket: the same host, other disks. The service is moto's, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from node.backup import check, restore
from node.errors import BadRequest, Unavailable


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Host and port of an S3 service with a bucket."""
    script = (
        "import threading; from moto.server import ThreadedMotoServer\n"
        "server = ThreadedMotoServer('127.0.0.1', 0, verbose=False); server.start()\n"
        "print(*server.get_host_and_port(), sep=':', flush=True); threading.Event().wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        maker = fs.S3FileSystem(
            access_key="key",
            secret_key="secret",
            region="us-east-1",
            scheme="http",
            endpoint_override=address,
            allow_bucket_creation=True,
        )
        maker.create_dir("bucket")
        yield address
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def bucket(service: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return f"s3://bucket/some/prefix?scheme=http&endpoint_override={service}&region=us-east-1"


def kept(bucket: str) -> set[str]:
    """The keys of all objects, without their prefix."""
    files, path = fs.FileSystem.from_uri(bucket)
    found = files.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
    return {info.path.removeprefix(path + "/") for info in found if info.is_file}


async def test_files_live_and_die_in_the_bucket(tmp_path: Path, start_host: Any, bucket: str) -> None:
    data = os.urandom(20_000_000)
    async with start_host(tmp_path / "home", files_bucket=bucket) as host:
        assert (await host.post(("a b", data), ("c", b"1"), ("d", b"1"))).status == 200
        assert host.contents() == set()
        keys = await asyncio.to_thread(kept, bucket)
        assert {key.partition("/")[0] for key in keys} == {host.node.node_id}
        assert len(keys) == 2
    async with start_host(tmp_path / "home", files_bucket=bucket) as host:
        assert (await host("GET", "/a%20b")).body == data
        assert (await host("GET", "/a%20b", Range="bytes=15000000-15000009")).body == data[15000000:15000010]
        assert (await host("DELETE", "/c")).status == 200
        assert (await host("GET", "/d")).body == b"1"
        await host("DELETE", "/d")
        await host("DELETE", "/a%20b")
        assert await asyncio.to_thread(kept, bucket) == set()
        assert host.node.files.used == 0


async def test_what_lies_on_the_disk_moves_to_the_bucket(
    tmp_path: Path, start_host: Any, bucket: str
) -> None:
    async with start_host(tmp_path / "home") as host:
        await host.post(("a", b"1"), ("b", b"22"))
    async with start_host(tmp_path / "home", files_bucket=bucket) as host:
        assert host.contents() == set()
        assert (await host("GET", "/b")).body == b"22"
        await host("POST", "/delete_many", b'{"files": ["a", "b"]}')
    async with start_host(tmp_path / "home") as host:
        assert await host.node.files.count() == 0


async def test_a_backup_holds_what_is_in_the_bucket(tmp_path: Path, start_host: Any, bucket: str) -> None:
    async with start_host(tmp_path / "home", files_bucket=bucket) as host:
        await host.post(("a", b"precious"))
        async with host.node.backup() as archive:
            (tmp_path / "it.tar").write_bytes(b"".join(archive.chunks()))
        await host("DELETE", "/a")
    assert check(tmp_path / "it.tar").about["files"] == 1
    restore(tmp_path / "it.tar", tmp_path / "again")
    async with start_host(tmp_path / "again", files_bucket=bucket) as host:
        assert (await host("GET", "/a")).body == b"precious"
        await host("DELETE", "/a")


async def test_lost_objects_and_a_lost_service_are_said(tmp_path: Path, start_host: Any, bucket: str) -> None:
    with pytest.raises(Unavailable, match="no bucket"):
        await start_host(tmp_path / "none", files_bucket=bucket.replace("//bucket/", "//none/")).__aenter__()
    with pytest.raises(BadRequest, match="without keys"):
        await start_host(tmp_path / "keys", files_bucket="s3://key:secret@bucket/").__aenter__()
    async with start_host(tmp_path / "home", files_bucket=bucket) as host:
        await host.post(("a", b"1"))
    async with start_host(tmp_path / "home") as host:
        lost = await host("GET", "/a")
        assert lost.status == 503
        assert "the disk or bucket that it had" in lost.text
