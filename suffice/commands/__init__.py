"""The groups of the ``suffice`` command, one file each, and ``root.py``, which puts them together."""
