"""A model that fails in the way that its input says."""

import time
from pathlib import Path

from gravityai import gravityai as grav


def process(input_path, output_path):
    how = Path(input_path).read_text().strip()
    if how == "says":
        return "there are no triangles in it"
    if how == "raises":
        raise ValueError("a side is negative")
    if how == "links":
        Path(output_path).symlink_to("/etc/passwd")
    if how == "sleeps":
        time.sleep(60)
    if how == "reads":
        return Path("/etc/hostname").read_text()
    return None


grav.wait_for_requests(process)
