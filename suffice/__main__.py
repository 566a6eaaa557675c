"""``python -m suffice``: the ``suffice`` command."""

from suffice.cli import main

if __name__ == "__main__":
    main()
