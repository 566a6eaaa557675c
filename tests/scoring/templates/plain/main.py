"""A model without the wrapper: any file in, any file out."""

import sys
from pathlib import Path

Path(sys.argv[2]).write_bytes(Path(sys.argv[1]).read_bytes()[::-1])
