"""Expressions over JSON documents that SQLAlchemy has no portable words for; for SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from node.tracking.postgresql_patterns import for_postgresql

Path = tuple[str, ...]

MAX_NUMERAL = 40
"""Characters of a text that is put in order as the number it spells."""


class _PathType(sa.types.TypeDecorator[Path]):
    """A path of keys, as each database writes it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Path | None, dialect: sa.Dialect) -> str:
        keys = [json.dumps(key, ensure_ascii=False) for key in value or ()]
        if dialect.name == "postgresql":
            return "{" + ",".join(keys) + "}"
        return "".join(["$", *(f".{key}" for key in keys)])


class _PatternType(sa.types.TypeDecorator[str]):
    """A regular expression, as each database writes it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return for_postgresql(value) if value is not None and dialect.name == "postgresql" else value


class _Kind(FunctionElement[str]):
    """The type of the value at a path; NULL if there is none."""

    type = sa.Text()
    inherit_cache = True


class _Members(FunctionElement[Any]):
    """The members of the object at a path, as rows; none if there is no object."""

    inherit_cache = True


class _Scalar(FunctionElement[Any]):
    """The value at a path: on PostgreSQL its text."""

    type = sa.Text()
    inherit_cache = True


class _Member(FunctionElement[Any]):
    """(document, key): what the document has there, as a document; NULL if it lacks the key."""

    type = sa.Text()
    inherit_cache = True


class _Numeral(FunctionElement[bool]):
    """Whether a text spells a number, as JSON would."""

    type = sa.Boolean()
    inherit_cache = True


class Includes(FunctionElement[bool]):
    """(text, part): whether the part is in the text, letter by letter."""

    type = sa.Boolean()
    inherit_cache = True


class IncludesAnyCase(FunctionElement[bool]):
    """(text, pattern of LIKE): whether it is like that, small ASCII letters being as good as capitals."""

    type = sa.Boolean()
    inherit_cache = True


class _Found(FunctionElement[bool]):
    """(pattern, text): whether the regular expression is found in the text."""

    type = sa.Boolean()
    inherit_cache = True


class Codepoints(FunctionElement[str]):
    """A text, compared by its code points whatever the database's language is."""

    type = sa.Text()
    inherit_cache = True


def _sql(element: FunctionElement[Any], compiler: SQLCompiler, **kw: Any) -> list[str]:
    return [compiler.process(clause, **kw) for clause in element.clauses]


@compiles(_Kind)
def _kind(element: _Kind, compiler: SQLCompiler, **kw: Any) -> str:
    return "json_type({}, {})".format(*_sql(element, compiler, **kw))


@compiles(_Kind, "postgresql")
def _kind_pg(element: _Kind, compiler: SQLCompiler, **kw: Any) -> str:
    return "jsonb_typeof({} #> CAST({} AS TEXT[]))".format(*_sql(element, compiler, **kw))


@compiles(_Members)
def _members(element: _Members, compiler: SQLCompiler, **kw: Any) -> str:
    return "json_each({}, {})".format(*_sql(element, compiler, **kw))


@compiles(_Members, "postgresql")
def _members_pg(element: _Members, compiler: SQLCompiler, **kw: Any) -> str:
    document, path = _sql(element, compiler, **kw)
    found = f"({document} #> CAST({path} AS TEXT[]))"
    return f"jsonb_each(CASE WHEN jsonb_typeof({found}) = 'object' THEN {found} END)"


@compiles(_Scalar)
def _scalar(element: _Scalar, compiler: SQLCompiler, **kw: Any) -> str:
    return "json_extract({}, {})".format(*_sql(element, compiler, **kw))


@compiles(_Scalar, "postgresql")
def _scalar_pg(element: _Scalar, compiler: SQLCompiler, **kw: Any) -> str:
    return "({} #>> CAST({} AS TEXT[]))".format(*_sql(element, compiler, **kw))


@compiles(_Member)
def _member(element: _Member, compiler: SQLCompiler, **kw: Any) -> str:
    document, key = _sql(element, compiler, **kw)
    return (
        "(SELECT CASE WHEN type IN ('object', 'array') THEN value WHEN type IN ('true', 'false') THEN type "  # noqa: S608
        f"ELSE json_quote(value) END FROM json_each({document}) WHERE key = {key})"
    )


@compiles(_Member, "postgresql")
def _member_pg(element: _Member, compiler: SQLCompiler, **kw: Any) -> str:
    return "({} -> CAST({} AS TEXT))".format(*_sql(element, compiler, **kw))


@compiles(_Numeral)
def _numeral(element: _Numeral, compiler: SQLCompiler, **kw: Any) -> str:
    (text,) = _sql(element, compiler, **kw)
    return f"CASE WHEN json_valid({text}) THEN json_type({text}) IN ('integer', 'real') ELSE 0 END"


@compiles(_Numeral, "postgresql")
def _numeral_pg(element: _Numeral, compiler: SQLCompiler, **kw: Any) -> str:
    (text,) = _sql(element, compiler, **kw)
    return rf"({text} ~ '^[ \t\n\r]*-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d{{1,2}})?[ \t\n\r]*$')"


@compiles(Includes)
def _includes(element: Includes, compiler: SQLCompiler, **kw: Any) -> str:
    return "(instr({}, {}) > 0)".format(*_sql(element, compiler, **kw))


@compiles(Includes, "postgresql")
def _includes_pg(element: Includes, compiler: SQLCompiler, **kw: Any) -> str:
    return "(strpos({}, {}) > 0)".format(*_sql(element, compiler, **kw))


@compiles(IncludesAnyCase)
def _includes_any_case(element: IncludesAnyCase, compiler: SQLCompiler, **kw: Any) -> str:
    return "({} LIKE {} ESCAPE '~')".format(*_sql(element, compiler, **kw))


@compiles(IncludesAnyCase, "postgresql")
def _includes_any_case_pg(element: IncludesAnyCase, compiler: SQLCompiler, **kw: Any) -> str:
    return "({} ILIKE {} ESCAPE '~')".format(*_sql(element, compiler, **kw))


@compiles(_Found)
def _found(element: _Found, compiler: SQLCompiler, **kw: Any) -> str:
    return "pattern_found({}, {})".format(*_sql(element, compiler, **kw))


@compiles(_Found, "postgresql")
def _found_pg(element: _Found, compiler: SQLCompiler, **kw: Any) -> str:
    pattern, text = _sql(element, compiler, **kw)
    return f"({text} ~ {pattern})"


@compiles(Codepoints)
def _codepoints(element: Codepoints, compiler: SQLCompiler, **kw: Any) -> str:
    return _sql(element, compiler, **kw)[0]


@compiles(Codepoints, "postgresql")
def _codepoints_pg(element: Codepoints, compiler: SQLCompiler, **kw: Any) -> str:
    return '{} COLLATE "C"'.format(*_sql(element, compiler, **kw))


def pattern_found(pattern: str, text: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a regular expression is found in a text; NULL if that is NULL."""
    return _Found(sa.literal(pattern, _PatternType()), text)


def _at(document: ColumnElement[Any], path: Path) -> tuple[_Kind, _Scalar]:
    # SQLite has no path to a key with a quotation mark: down to the last of these it goes key by key.
    singly = max((place for place, key in enumerate(path, 1) if '"' in key), default=0)
    for key in path[:singly]:
        document = _Member(document, sa.literal(key, sa.Text()))
    bound = sa.bindparam(None, path[singly:], type_=_PathType(), unique=True)
    return _Kind(document, bound), _Scalar(document, bound)


def text_at(document: ColumnElement[Any], path: Path) -> ColumnElement[str]:
    """The text at a path; NULL if anything else is there, or nothing."""
    kind, scalar = _at(document, path)
    return sa.case((kind.in_(("text", "string")), scalar), else_=None)


def number_at(document: ColumnElement[Any], path: Path) -> ColumnElement[float]:
    """The number at a path; NULL if anything else is there, or nothing."""
    kind, scalar = _at(document, path)
    return sa.case((kind.in_(("integer", "real", "number")), sa.cast(scalar, sa.Float)), else_=None)


def truth_at(document: ColumnElement[Any], path: Path) -> ColumnElement[bool]:
    """The true or false at a path; NULL if anything else is there, or nothing."""
    kind, scalar = _at(document, path)
    return sa.case(
        (kind == "true", sa.true()),
        (kind == "false", sa.false()),
        (kind == "boolean", scalar == "true"),
        else_=None,
    )


def missing_at(document: ColumnElement[Any], path: Path) -> ColumnElement[bool]:
    """Whether there is nothing at a path, or a null."""
    kind, _ = _at(document, path)
    return kind.is_(None) | (kind == "null")


def keys_of(document: ColumnElement[Any], field: str) -> sa.TableValuedAlias:
    """The keys of an object in a document, as rows beside it with a column `key`."""
    bound = sa.bindparam(None, (field,), type_=_PathType(), unique=True)
    return _Members(document, bound).table_valued(sa.column("key", sa.Text()))


def number_in(text: ColumnElement[str]) -> ColumnElement[float]:
    """The number that a text spells; NULL if it spells none."""
    short = sa.func.length(text) <= MAX_NUMERAL
    return sa.case((sa.and_(short, _Numeral(text)), sa.cast(text, sa.Float)), else_=None)


def first(values: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The first that is not NULL."""
    return values[0] if len(values) == 1 else sa.func.coalesce(*values)
