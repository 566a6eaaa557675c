"""The home folder: one node at a time, secrets for its owner alone, files whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from node.config import NodeConfig
from node.errors import BadRequest, NotFound
from node.files import HomeError, write_private
from node.keys import Role
from node.node import Node


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_secrets_are_for_their_owner_alone(node: Node) -> None:
    await node.announce("http://127.0.0.1:1", "http://127.0.0.1:2")
    home = node.config.home
    assert mode(home) == 0o700
    for name in ("identity.seed", "credentials.json", "node.sqlite", "bus.nkey", "node.lock"):
        assert mode(home / name) == 0o600, name
    content = json.loads((home / "credentials.json").read_bytes())
    assert set(content) == {"access_key", "secret_key", "url", "files_url"}
    assert content["secret_key"] not in repr(node.first_key)


async def test_a_second_node_in_the_same_home_is_told_who_is_there(node: Node) -> None:
    with pytest.raises(HomeError, match=f"process {os.getpid()}"):
        await Node(node.config).start()


async def test_a_home_is_free_again_after_stop(tmp_path: Path) -> None:
    config = NodeConfig(home=tmp_path / "home")
    for _ in range(2):
        async with Node(config) as node:
            assert node.name == "home"


@pytest.mark.parametrize(("damage", "match"), [("short", "has 3 bytes"), ("open", "read by others")])
async def test_a_damaged_identity_is_not_replaced(tmp_path: Path, damage: str, match: str) -> None:
    config = NodeConfig(home=tmp_path / "home")
    async with Node(config):
        pass
    if damage == "short":
        write_private(config.seed_path, b"abc")
    else:
        config.seed_path.chmod(0o644)
    with pytest.raises(HomeError, match=match):
        await Node(config).start()


async def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    write_private(tmp_path / "file", b"")
    with pytest.raises(HomeError, match="cannot use"):
        await Node(NodeConfig(home=tmp_path / "file" / "home")).start()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_private(path, b"old")
    with pytest.raises(TypeError):
        write_private(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


async def test_keys_are_made_found_and_revoked(node: Node) -> None:
    key = await node.keys.create("ann", "user")
    assert node.keys.find(key.access_key) == key
    assert key.role is Role.USER
    assert {k.access_key for k in await node.keys.list()} == {key.access_key, node.first_key.access_key}
    await node.keys.revoke(key.access_key)
    assert node.keys.find(key.access_key) is None
    with pytest.raises(NotFound):
        await node.keys.revoke(key.access_key)
    with pytest.raises(BadRequest, match="last key with the role admin"):
        await node.keys.revoke(node.first_key.access_key)
    with pytest.raises(BadRequest, match="no role 'king'"):
        await node.keys.create("ann", "king")
