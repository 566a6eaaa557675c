"""Who may do what: roles in order of what they may do. Authentication itself is each dialect's own."""

from __future__ import annotations

from api.problems import Problem
from api.routes import Access
from node.keys import AccessKey, Role
from node.tasks import Task

_RANK: dict[str, int] = {"open": 0, "annotator": 1, "user": 2, "superuser": 3, "admin": 4}


def check_role(role: Role, needed: Access) -> None:
    """Raise `Problem` 403 unless a role is at least `needed`."""
    if _RANK[role.value] < _RANK[needed]:
        raise Problem(
            403,
            "forbidden",
            f"This call needs the role {needed}; the access key's role is {role.value}.",
            "Use a key of that role (`suffice keys create --role ...`).",
        )


def may_kill(key: AccessKey, task: Task) -> bool:
    """A user ends what is his own, superusers and admins end anything."""
    return task.owner == key.user or key.role in (Role.SUPERUSER, Role.ADMIN)
