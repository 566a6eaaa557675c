"""What the file store refuses beyond what every service may."""

# ruff: noqa: N818 (as in `node.errors`)

from __future__ import annotations

from node.errors import NodeError


class QuotaExceeded(NodeError):
    """There is no room left: the quota, or the disk, is full."""

    code = "quota_exceeded"
