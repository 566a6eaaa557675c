"""The face of suffice: the ``suffice`` command, the Python client and the demo."""

__version__ = "0.1.0"
