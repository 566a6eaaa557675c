"""Markov chains of order k, from the counts of runs of k + 1 tokens (`statistics.sequences`).

p(token | the k before) = count of the run / count of its first k tokens as the start of a run: the estimate
of greatest likelihood. Where the k before never occurred, the longest of their ends that did stands for them,
and in the end nothing: the tokens' shares of all transitions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import Algorithm, Parameter, text
from federation.models.errors import ModelError, listed
from federation.models.prediction import levels, require_columns
from federation.models.record import to_record
from federation.statistics import NGRAM, Moments, SchemaError, Table, ngrams
from federation.statistics.sequences import join, separate

Tokens: TypeAlias = tuple[str, ...]
Followers: TypeAlias = dict[Tokens, dict[str, int]]
"""After which tokens (the latest last) which came how often."""

LINK: Final = ":$:"


@dataclass(frozen=True, slots=True)
class MarkovModel:
    """Transition probabilities by the names of SymetryML, for order 2 `tm2$A:$:tm1$B:$:to$C`: C after A, B.

    ngrams counts each run of order + 1 tokens, joined as in `statistics.sequences`; rows is their sum.
    columns are those of a table to predict that hold the sequences, none for all of them.
    """

    algorithm: str
    order: int
    states: tuple[str, ...]
    transitions: Mapping[str, float]
    ngrams: Mapping[str, int]
    rows: int
    columns: tuple[str, ...]

    def predict(self, table: Table) -> dict[str, NDArray[Any]]:
        """What follows each row, and how likely the row's sequence is.

        One column is one sequence, of which a row has seen the tokens up to its own; several columns hold a
        sequence a row. A missing token ends a sequence and the next begins another; of a row only the last is
        looked at. "next": the likeliest token (of equals the first by name), "next.p" its probability.
        "seq.like": the likelihood of the sequence given its first `order` tokens, 0 if a transition never
        occurred; "seq.loglike" its logarithm. Raises `ModelError` for columns that the table lacks.
        """
        names = self.columns or table.names
        require_columns(names, table)
        followers = self._followers()
        best = {
            before: min(counts, key=lambda token, counts=counts: (-counts[token], token))  # type: ignore[misc]
            for before, counts in followers.items()
        }
        following: list[str] = []
        shares, logs = np.empty(table.rows), np.empty(table.rows)
        for at, (tokens, likelihood) in enumerate(_sequences(names, table, followers, self.order)):
            before = _known(tokens, followers)
            token = best[before]
            following.append(token)
            shares[at] = followers[before][token] / sum(followers[before].values())
            logs[at] = likelihood
        return {
            "next": np.array(following, dtype=np.str_),
            "next.p": shares,
            "seq.like": np.exp(logs),
            "seq.loglike": logs,
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)

    def _followers(self) -> Followers:
        followers: Followers = {}
        for joined, count in self.ngrams.items():
            *before, token = separate(joined)
            for start in range(self.order + 1):
                counts = followers.setdefault(tuple(before[start:]), {})
                counts[token] = counts.get(token, 0) + count
        return followers


def fit_markov(moments: Moments, *, columns: Sequence[str] = ()) -> MarkovModel:
    """The chain whose order the runs of tokens have; `columns` as in `MarkovModel`.

    Raises `ModelError` for statistics that are not of runs, or of runs of several lengths, or without any.
    """
    try:
        runs = ngrams(moments)
    except SchemaError as error:
        raise ModelError(
            f"mc needs the counts of runs of tokens, an attribute {NGRAM!r} learned from ngram_table",
            "make a project of sequences, and learn them in it",
        ) from error
    lengths = sorted({len(run) for run in runs})
    if len(lengths) != 1 or min(runs.values()) < 0:
        what = f"runs of {', '.join(map(str, lengths))} tokens" if lengths else "no run of tokens"
        raise ModelError(f"the statistics have {what}", "learn sequences, all with one order")
    order = lengths[0] - 1
    if order < 1:
        raise ModelError("runs of one token have no transitions", "learn them with an order of at least 1")
    totals: dict[Tokens, int] = {}
    for run, count in runs.items():
        totals[run[:-1]] = totals.get(run[:-1], 0) + count
    return MarkovModel(
        algorithm="mc",
        order=order,
        states=tuple(sorted({token for run in runs for token in run})),
        transitions={_key(run): count / totals[run[:-1]] for run, count in runs.items()},
        ngrams={join(run): count for run, count in runs.items()},
        rows=sum(runs.values()),
        columns=tuple(columns),
    )


def _key(run: Tokens) -> str:
    before = [f"tm{len(run) - 1 - at}${token}" for at, token in enumerate(run[:-1])]
    return LINK.join([*before, f"to${run[-1]}"])


def _known(tokens: Tokens, followers: Followers) -> Tokens:
    """The longest end of the tokens that was seen to be followed by something; () always was."""
    return next(tokens[start:] for start in range(len(tokens) + 1) if tokens[start:] in followers)


def _sequences(
    names: Sequence[str], table: Table, followers: Followers, order: int
) -> Iterator[tuple[Tokens, float]]:
    """For each row its last tokens, at most `order`, and ln of the likelihood of its sequence."""
    columns = [levels(name, table).decode() for name in names]
    if len(columns) > 1:
        for row in zip(*columns, strict=True):
            *_, last = _walk(row, followers, order)
            yield last
        return
    yield from _walk(columns[0], followers, order)


def _walk(tokens: Sequence[str | None], followers: Followers, order: int) -> Iterator[tuple[Tokens, float]]:
    """The same after each token of one sequence."""
    before: Tokens = ()
    likelihood = 0.0
    for token in tokens:
        if not token:
            before, likelihood = (), 0.0
        else:
            if len(before) == order:
                counts = followers[_known(before, followers)]
                count = counts.get(token, 0)
                likelihood += math.log(count / sum(counts.values())) if count else -math.inf
            before = (*before, token)[-order:]
        yield before, likelihood


def _mc(moments: Moments, target: str, inputs: Sequence[str], /, **options: Any) -> MarkovModel:
    if list(inputs) != [NGRAM]:
        raise ModelError(
            f"mc cannot take {listed(inputs) or 'no input'}", f"give it {NGRAM!r}, the runs of tokens, alone"
        )
    columns = str(options.get("columns", "")).split(",")
    return fit_markov(moments, columns=[name.strip() for name in columns if name.strip()])


ALGORITHMS: Final = (
    Algorithm(
        "mc",
        "a Markov chain of the order of the runs of tokens learned",
        _mc,
        MarkovModel,
        (
            Parameter(
                "columns",
                text,
                "the columns of tables to predict that hold the sequences, separated by commas (all)",
            ),
        ),
        has_target=False,
    ),
)
