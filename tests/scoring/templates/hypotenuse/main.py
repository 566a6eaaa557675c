"""A model as its author would publish it: wrapped, JSON to JSON."""

import json
import math
from pathlib import Path

from gravityai import gravityai as grav


def process(input_path, output_path):
    records = json.loads(Path(input_path).read_text())
    results = [{"z": math.hypot(record["x"], record["y"] or 0)} for record in records]
    Path(output_path).write_text(json.dumps(results))


grav.wait_for_requests(process)
