"""Tables in files, read in batches through pyarrow, and tables that come as rows with a request.

A `Source` knows its columns, guesses a schema from its first rows, and gives batches for an agreed schema.
"""

from node.sources.files import FORMATS, open_source
from node.sources.guessing import guess_schema, judging_schema
from node.sources.reading import Batch, joined, read_batches
from node.sources.rows import Rows, offered_schema, read_rows
from node.sources.source import Source, SourceError

__all__ = [
    "FORMATS",
    "Batch",
    "Rows",
    "Source",
    "SourceError",
    "guess_schema",
    "joined",
    "judging_schema",
    "offered_schema",
    "open_source",
    "read_batches",
    "read_rows",
]
