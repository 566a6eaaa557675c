"""The entry point of the ``suffice`` command. Imports nothing until an interruption can be caught."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; exits with one of its documented codes."""
    try:
        from suffice.commands.root import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)
