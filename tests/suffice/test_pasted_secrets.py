"""What is secret and was given in the wrong place is not repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from suffice.client import SufficeError
from suffice.commands.federation import _read_invitation


def test_an_invitation_given_in_place_of_its_file_is_not_shown() -> None:
    invitation = "suffice1." + "A1b2" * 100
    with pytest.raises(SufficeError, match="cannot be read") as caught:
        _read_invitation(Path(invitation))
    assert "A1b2" not in f"{caught.value} {caught.value.__dict__}"
