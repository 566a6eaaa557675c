"""Which node a command talks to, and that a key goes to no other node than its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suffice.client import AuthenticationFailed, CannotReachNode, SufficeError
from suffice.connection import find_credentials


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "node"
    folder.mkdir()
    known = {"url": "http://127.0.0.1:8080", "access_key": "AK", "secret_key": "SK", "files_url": ""}
    (folder / "credentials.json").write_text(json.dumps(known))
    return folder


def test_a_folder_names_address_and_key(home: Path) -> None:
    found = find_credentials(None, home, {})
    assert (found.url, found.access_key, found.secret_key) == ("http://127.0.0.1:8080", "AK", "SK")


def test_the_environment_names_the_folder(home: Path) -> None:
    assert find_credentials(None, None, {"SUFFICE_HOME": str(home)}).access_key == "AK"


def test_a_folder_given_by_option_comes_before_the_environment(home: Path) -> None:
    environment = {"SUFFICE_NODE": "http://other:1", "SUFFICE_ACCESS_KEY": "x", "SUFFICE_SECRET_KEY": "y"}
    assert find_credentials(None, home, environment).url == "http://127.0.0.1:8080"


def test_an_address_takes_the_key_of_the_environment(tmp_path: Path) -> None:
    environment = {"SUFFICE_ACCESS_KEY": "x", "SUFFICE_SECRET_KEY": "y", "SUFFICE_HOME": str(tmp_path)}
    found = find_credentials("http://other:1", None, environment)
    assert (found.url, found.access_key, found.secret_key) == ("http://other:1", "x", "y")


def test_an_address_takes_the_key_of_the_folder_that_has_this_address(home: Path) -> None:
    assert find_credentials("127.0.0.1:8080", None, {"SUFFICE_HOME": str(home)}).access_key == "AK"


def test_a_key_is_not_sent_to_another_address_than_its_own(home: Path) -> None:
    with pytest.raises(AuthenticationFailed, match="no key for http://evil:8080"):
        find_credentials("http://evil:8080", None, {"SUFFICE_HOME": str(home)})


def test_an_empty_folder_says_how_to_start_a_node(tmp_path: Path) -> None:
    with pytest.raises(CannotReachNode, match="suffice node start --home"):
        find_credentials(None, tmp_path, {})


def test_a_broken_credentials_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text('{"url": 1')
    with pytest.raises(SufficeError, match=r"credentials\.json is not a credentials file"):
        find_credentials(None, tmp_path, {})


def test_a_secret_does_not_show_in_a_traceback(home: Path) -> None:
    assert "SK" not in repr(find_credentials(None, home, {}))
