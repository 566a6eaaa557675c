"""What each kind of task does inside a worker process: (request, blob, channel) -> (result, blob)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from federation.statistics import Moments, Schema, StatisticsError
from node import answering, judging, modelling
from node.deployments.worker import score
from node.encoder_learning import encoder_from, of_file
from node.encoding import restored
from node.errors import NodeError
from node.flagging import Wanted, flag, flag_file
from node.jobs.learned import Learned
from node.jobs.pipes import Message
from node.jobs.tables import given_table, rows_from_json, source_of
from node.offering import offered_by_file, offered_by_table
from node.predicting import predict_file
from node.project_options import ProjectOptions
from node.sources import (
    SourceError,
    judging_schema,
    read_batches,
)

if TYPE_CHECKING:
    from federation.selection import Candidate, Progress
    from node.jobs.worker import Channel

Outcome = tuple[dict[str, Any], bytes]


def refusal(error: Exception) -> str | None:
    """What to tell the user about an error that is about the request; None for one of our own."""
    if isinstance(error, NodeError):
        return f"{error.message}: {error.remedy}" if error.remedy else error.message
    if isinstance(error, (StatisticsError, SourceError)) or type(error).__module__.startswith("federation."):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'} cannot be read: {error.strerror or error}"
    return None


def learn(request: Message, blob: bytes, channel: Channel) -> Outcome:
    """The statistics of a file's rows, or of the table in the blob, by the schema that the node agrees to."""
    begun = time.perf_counter()
    options = ProjectOptions.read(request["options"], restored(request["encoding"]))
    learn_rows = _learn_table if request["place"] is None else _learn_file
    learned, remarks = learn_rows(request, blob, options, channel)
    for remark in remarks:
        channel.log(remark)
    seconds = time.perf_counter() - begun
    channel.scalar("rows per second", 0, learned.read / seconds if seconds else 0.0)
    return {"rows": learned.rows, "seconds": seconds, "remarks": remarks}, learned.to_bytes()


def _learn_table(
    request: Message, blob: bytes, options: ProjectOptions, channel: Channel
) -> tuple[Learned, list[str]]:
    known = Schema.from_dict(request["schema"])
    read = rows_from_json(blob, {a.name: a.type.value for a in known.attributes}, options)
    learned = Learned(_agree(channel, offered_by_table(options, read.table, read.types, known)), options)
    learned.learn(read.table, 1)
    channel.progress(read.table.rows, read.table.rows)
    return learned, [*read.remarks, *learned.remarks()]


def _learn_file(
    request: Message, _blob: bytes, options: ProjectOptions, channel: Channel
) -> tuple[Learned, list[str]]:
    source = source_of(request, channel)
    known = Schema.from_dict(request["schema"])
    read, offered, remarks = offered_by_file(
        options, source, request["attributes"], request["types"], known, fixed=request["fixed"]
    )
    learned = Learned(_agree(channel, offered), options)
    if options.encoding is None and options.order is None:
        read = options.before(learned.schema)
    for batch in read_batches(source, judging_schema(source, read, options.judged_by)):
        try:
            learned.learn(batch.table, batch.first)
        except StatisticsError as error:
            raise SourceError(f"{source.path.name}, {error}") from None
        channel.progress(batch.done, batch.total)
    channel.log(f"{learned.read} rows of {source.path.name} read")
    return learned, [*remarks, *learned.remarks()]


def _agree(channel: Channel, guessed: Schema) -> Schema:
    """What to learn of the columns at hand: the project's own attributes, and what is new in ours."""
    answer = channel.ask(question="schema", schema=guessed.to_dict())
    if "error" in answer:
        raise SourceError(answer["error"])
    return Schema.from_dict(answer["schema"])


def learn_encoder(request: Message, _blob: bytes, channel: Channel) -> Outcome:
    """What an encoder is to add: the statistics of a table's rows."""
    begun = time.perf_counter()
    encoder, known = encoder_from(request["definition"]), Schema.from_dict(request["schema"])
    moments = of_file(encoder, source_of(request, channel), known, channel.progress)
    return {"rows": moments.rows, "seconds": time.perf_counter() - begun}, moments.to_bytes()


def explore(request: Message, blob: bytes, _channel: Channel) -> Outcome:
    moments = Moments.from_bytes(blob)
    questions = answering.questions_of(request)
    return {"values": answering.explore(moments, request["metric"], questions)}, b""


def fit(request: Message, blob: bytes, _channel: Channel) -> Outcome:
    moments = Moments.from_bytes(blob)
    fitted = modelling.fit(
        moments, request["algorithm"], request["target"], request["inputs"], request["parameters"]
    )
    return asdict(fitted), b""


@contextmanager
def _asking(request: Message) -> Iterator[None]:
    """Whatever the numbers of a model from elsewhere lead to is a refusal, as it is at once."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if request["imported"] is None or refusal(error) is not None:
            raise
        raise modelling.unfit(request["imported"], error) from None


def predict(request: Message, blob: bytes, channel: Channel) -> Outcome:
    with _asking(request):
        return _predicted(request, blob, channel)


def _predicted(request: Message, blob: bytes, channel: Channel) -> Outcome:
    model, inputs = request["model"], request["inputs"]
    options = ProjectOptions.read(request["options"], restored(request["encoding"]))
    imputing = None if request["imputing"] is None else Moments.from_bytes(request["imputing"])
    known = Schema.from_dict(request["schema"])
    flagging = Wanted.of(request) if request["flags"] else None
    if request["place"] is not None:
        source = source_of(request, channel)
        more: dict[str, Any] = {"output": request["output"], "imputing": imputing, "tell": channel.progress}
        if flagging is not None:
            return flag_file(model, inputs, source, known, options, flagging, **more), b""
        return predict_file(model, inputs, source, known, options, **more), b""
    read = rows_from_json(blob, {a.name: a.type.value for a in known.attributes}, options)
    columns = modelling.predict(model, options.levels_of(read.table), inputs, imputing)
    if flagging is not None:
        return flag(model, columns, flagging), b""
    return {"columns": {key: values.tolist() for key, values in columns.items()}}, b""


def select(request: Message, blob: bytes, channel: Channel) -> Outcome:
    """The statistics and the rows to choose by come one behind the other."""
    moments = Moments.from_bytes(blob[: request["statistics"]])
    wanted = judging.Wanted.of(request)
    columns = judging.columns_of([*wanted.inputs, wanted.target], moments.schema)
    table = given_table(request, blob[request["statistics"] :], columns, moments.schema, channel)
    best: Candidate | None = None

    def tell(progress: Progress) -> bool:
        nonlocal best
        channel.progress(progress.tried, max(progress.expected, progress.tried + 1))
        if progress.best is not None and progress.best != best:
            best = progress.best
            channel.scalar("best score", progress.tried, best.score)
        return True

    return judging.select(moments, wanted, table, tell), b""


def assess(request: Message, blob: bytes, channel: Channel) -> Outcome:
    known = Schema.from_dict(request["schema"])
    columns = judging.columns_of([*request["inputs"], request["target"]], known)
    table = given_table(request, blob, columns, known, channel)
    if table is None:
        raise SourceError("there are no rows to assess by: name a file, or send rows with the target")
    model, target, draw = request["model"], request["target"], request["figures"]
    with _asking(request):
        return judging.assess(
            model, target, table, request["task_kind"], separator=known.separator, draw=draw
        ), b""


def hand_back(request: Message, _blob: bytes, _channel: Channel) -> Outcome:
    """For what the node knew when the task was begun, such as a project's information."""
    result: dict[str, Any] = request["answer"]
    return result, b""


PERFORM: dict[str, Callable[[Message, bytes, Channel], Outcome]] = {
    "learn": learn,
    "forget": learn,
    "encoder_learn": learn_encoder,
    "encoder_forget": learn_encoder,
    "explore": explore,
    "fit": fit,
    "predict": predict,
    "select": select,
    "assess": assess,
    "project_info": hand_back,
    "projects_info": hand_back,
    "score": score,
}
