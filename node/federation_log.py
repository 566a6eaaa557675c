"""What the facts of a federation's state machine say in its log."""

from __future__ import annotations

from federation.outputs import (
    Admitted,
    CharterAdopted,
    ContributionReceived,
    ContributionReleased,
    JoinRequested,
    MemberJoined,
    MemberLeft,
    Output,
    Refused,
    Rejected,
    Withheld,
)


def log_line(output: Output) -> tuple[str, str] | None:
    """(level, text) of a fact; None for what is not worth a line."""
    match output:
        case ContributionReceived(project, _, name, version, row_count):
            return "info", f"received version {version} of {project!r} from {name!r}: {row_count} rows"
        case ContributionReleased(project, _, version, row_count):
            return "info", f"released version {version} of {project!r}: {row_count} rows"
        case CharterAdopted(epoch, members):
            return "info", f"epoch {epoch} with {members} members"
        case MemberJoined(node_id, name):
            return "info", f"{name!r} ({node_id}) joined"
        case MemberLeft(node_id, name):
            return "info", f"{name!r} ({node_id}) left"
        case JoinRequested(request, node_id, name):
            return "info", f"{name!r} ({node_id}) asks to join: request {request}"
        case Admitted(epoch):
            return "info", f"admitted in epoch {epoch}"
        case Rejected(reason, detail):
            return "error", f"not admitted: {reason}: {detail}"
        case Withheld():
            return "warning", output.detail
        case Refused(slot, sender, reason, detail):
            return "error", f"refused {'/'.join(slot)} of {sender or 'somebody'}: {reason.value}: {detail}"
        case _:
            return None
