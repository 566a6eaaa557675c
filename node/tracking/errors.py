"""What tracking refuses. Each class has a code of its own in ClearML's table, which its dialect gives it."""

from __future__ import annotations

from node.errors import AlreadyExists, BadRequest, Forbidden, InUse, NotFound


class UnknownTask(NotFound):
    """No task has this id."""


class UnknownModel(NotFound):
    """No model has this id."""


class UnknownProject(NotFound):
    """No project has this id."""


class UnknownQueue(NotFound):
    """No queue has this id or name."""


class InvalidRequest(BadRequest):
    """A part of the request has not the form that it must have (a page before the first, an empty range)."""


class BadFieldValue(BadRequest):
    """The value given for a field cannot be used there (an unknown operator, a date that is none)."""


class BadPattern(BadRequest):
    """A regular expression that is none, or one that takes too long."""


class UnknownScroll(BadRequest):
    """A scroll id that no answer gave."""


class ReadOnlyDocument(Forbidden):
    """What is public may be read by all, and changed by nobody."""


class WrongStatus(BadRequest):
    """A task in this status cannot take this step."""


class StatusOvertaken(BadRequest):
    """The task's status changed while its change was decided; the caller may look and try again."""


class UndeletableTask(BadRequest):
    """A task that is neither created nor archived is deleted only by force."""


class AlreadyQueued(BadRequest):
    """The task waits in a queue already."""


class NotQueued(BadRequest):
    """The task does not wait in this queue."""


class QueueNotEmpty(InUse):
    """Tasks wait in the queue."""


class NoDefaultQueue(NotFound):
    """No queue has the system tag `default`."""


class SeveralDefaultQueues(BadRequest):
    """More than one queue has the system tag `default`."""


class NoStatistics(NotFound):
    """No worker has told of its machine."""


class NameTaken(AlreadyExists):
    """Another document of the collection has the name."""


class NameTooShort(BadRequest):
    """A name of fewer than three characters."""


class InvalidProjectName(BadRequest):
    """No project can have this name."""


class LocationNotEditable(BadRequest):
    """A change of a project's name would put it elsewhere: that is a move."""


class PathTooDeep(BadRequest):
    """There would be too many projects within each other."""


class NoParentToLeave(BadRequest):
    """The project is at the top already."""


class MergeIntoChild(BadRequest):
    """A project cannot be merged into what is below it."""


class MoveIntoItself(BadRequest):
    """A project cannot be moved to where it is, nor into what is below it."""


class TasksInProject(InUse):
    """There are tasks in the project that are not archived."""


class ModelsInProject(InUse):
    """There are models in the project that are not archived."""


class DatasetsInProject(InUse):
    """There are datasets below the project."""


class PipelinesInProject(InUse):
    """There are pipelines below the project."""


class ModelIsReady(BadRequest):
    """A ready model does not change."""


class ModelInUse(InUse):
    """A task reads the model."""


class ModelOfPublishedTask(InUse):
    """The task that wrote the model is published."""


class NotAReport(BadRequest):
    """What only reports have is asked of another task."""


class AllRunsOfPipeline(BadRequest):
    """A pipeline keeps one of its runs: it is known by them."""


class UnknownContainer(NotFound):
    """No container that serves models has this id."""


class UnknownEndpoint(NotFound):
    """Nothing serves a model at this url."""
