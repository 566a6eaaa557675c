"""Sufficient statistics as exact integers: learn, forget, add, compare by bytes, read off real numbers."""

from federation.statistics.centred import Bivariate, Centred, Missing, Univariate
from federation.statistics.distribution import Histogram, Powers
from federation.statistics.double_double import DoubleDouble
from federation.statistics.errors import LearnError, MomentsFormatError, SchemaError, StatisticsError
from federation.statistics.exact import ExactArray
from federation.statistics.learner import Learner
from federation.statistics.moments import Moments
from federation.statistics.quantum import Quantum, common
from federation.statistics.schema import (
    LETTERS,
    MAX_ORDER,
    SEPARATOR,
    Attribute,
    AttributeType,
    Extra,
    Schema,
)
from federation.statistics.sequences import NGRAM, NGRAM_SCHEMA, ngram_table, ngrams
from federation.statistics.table import Coded, Column, Table

__all__ = [
    "LETTERS",
    "MAX_ORDER",
    "NGRAM",
    "NGRAM_SCHEMA",
    "SEPARATOR",
    "Attribute",
    "AttributeType",
    "Bivariate",
    "Centred",
    "Coded",
    "Column",
    "DoubleDouble",
    "ExactArray",
    "Extra",
    "Histogram",
    "LearnError",
    "Learner",
    "Missing",
    "Moments",
    "MomentsFormatError",
    "Powers",
    "Quantum",
    "Schema",
    "SchemaError",
    "StatisticsError",
    "Table",
    "Univariate",
    "common",
    "ngram_table",
    "ngrams",
]
