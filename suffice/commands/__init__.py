"""The groups of the ``suffice`` command, one file each; all of them talk to a node over REST."""
