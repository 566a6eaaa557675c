"""The tables of uplets. `node.uplets` tells what their rows mean.

An uplet is a row of `tasks`, which has its status, its owner and its times; what only uplets have stands
beside it, under the task's id. The ids of problems, algorithms and data are texts of their makers.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from node.store.schema import metadata

# SQLite numbers rows by itself only in a column declared INTEGER.
_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")

_UUID = String(200)

problems = Table(
    "problems",
    metadata,
    Column("uuid", _UUID, primary_key=True),
    Column("workflow", _UUID, nullable=False),
    Column("size_train_dataset", BigInteger, nullable=False),
    Column("lower_is_better", Boolean, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("created", Float, nullable=False),
)

# What models of a problem are judged on, in the order in which it was given: never trained on.
test_data = Table(
    "test_data",
    metadata,
    Column("problem", ForeignKey("problems.uuid", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("data", _UUID, nullable=False),
    Index("test_data_by_data", "data", "problem"),
)

algos = Table(
    "algos",
    metadata,
    Column("uuid", _UUID, primary_key=True),
    Column("problem", ForeignKey("problems.uuid", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("created", Float, nullable=False),
    Index("algos_by_problem", "problem", "created"),
)

training_data = Table(
    "training_data",
    metadata,
    Column("uuid", _UUID, primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("created", Float, nullable=False),
)

# What each item of data was given for; the lowest number came first.
data_problems = Table(
    "data_problems",
    metadata,
    Column("number", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("problem", ForeignKey("problems.uuid", ondelete="CASCADE"), nullable=False),
    Column("data", ForeignKey("training_data.uuid", ondelete="CASCADE"), nullable=False),
    UniqueConstraint("problem", "data"),
    Index("data_problems_by_data", "data"),
)

# holder: the user whose worker has it; pushed: when it was last handed to a compute service, null if it has
# still to be.
learnuplets = Table(
    "learnuplets",
    metadata,
    Column("task", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("algo", ForeignKey("algos.uuid", ondelete="CASCADE"), nullable=False),
    Column("rank", BigInteger, nullable=False),
    Column("model_start", _UUID),
    Column("model_end", String(36), nullable=False, unique=True),
    Column("worker", _UUID),
    Column("holder", String(200)),
    Column("perf", Float),
    # As they were posted: a list, or a map from data.
    Column("train_perf", JSON),
    Column("test_perf", JSON),
    Column("pushed", Float),
    UniqueConstraint("algo", "rank"),
)

# What each algorithm is trained on, once; `position` is that within the learnuplet.
trained_data = Table(
    "trained_data",
    metadata,
    Column("algo", ForeignKey("algos.uuid", ondelete="CASCADE"), primary_key=True),
    Column("data", _UUID, primary_key=True),
    Column("task", ForeignKey("learnuplets.task", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Index("trained_data_by_task", "task", "position"),
    Index("trained_data_by_data", "data"),
    sqlite_with_rowid=False,
)

preduplets = Table(
    "preduplets",
    metadata,
    Column("task", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("problem", ForeignKey("problems.uuid", ondelete="CASCADE"), nullable=False),
    Column("model", String(36), nullable=False),
    Column("data", _UUID, nullable=False),
    Column("worker", _UUID),
    Column("holder", String(200)),
    Column("prediction_storage_uuid", _UUID),
    Column("pushed", Float),
    Index("preduplets_by_data", "data"),
)
