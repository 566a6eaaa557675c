"""How many records a file has, by the same reading that scores it: what is billed is what is scored."""

from __future__ import annotations

from pathlib import Path

from node.scoring.mime import Mime
from node.scoring.records import open_records


def count_records(path: Path, mime: Mime) -> int:
    """Records of a CSV or JSON file; 1 of any other, which is one thing. In bounded memory.

    Raises SourceError for a file that is not what its mime type says, naming the record.
    """
    if not mime.structured:
        return 1
    return sum(batch.rows for batch in open_records(path, mime).batches(()))
