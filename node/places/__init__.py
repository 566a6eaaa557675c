"""Where tables are: on this machine, behind an address, in a bucket or a database; and how they are brought
here to be read."""

from node.places.fetching import first_rows, listed, open_place
from node.places.place import HIDDEN, KINDS, Place

__all__ = ["HIDDEN", "KINDS", "Place", "first_rows", "listed", "open_place"]
