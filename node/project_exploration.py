"""A project explored: questions to its statistics, and how far they are from another project's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from node import answering
from node.answers import Answer, DriftAnswer, DriftInfo, MetricInfo, Question, Share
from node.learning import refusing
from node.projects import Projects


class ProjectExploration:
    """Questions to the statistics of a node's projects."""

    def __init__(self, projects: Projects) -> None:
        self._projects, self._learning = projects, projects.learning

    async def metrics(self) -> tuple[MetricInfo, ...]:
        """What may be explored."""
        return await self._learning.think(answering.metrics)

    async def drifts(self) -> tuple[DriftInfo, ...]:
        """How drift may be measured."""
        return await self._learning.think(answering.drifts)

    async def check(self, metric: str, questions: Sequence[Question]) -> None:
        """Raise BadRequest for what no statistics could answer: unknown names, unreadable values."""
        with refusing():
            await self._learning.think(answering.check, metric, questions)

    async def explore(
        self,
        name: str,
        metric: str,
        attributes: Sequence[str],
        targets: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
        *,
        local: bool = False,
        member: str | None = None,
    ) -> Answer:
        """Ask a metric of `federation.explore`; of a federated project, `local`: of this node's part only,
        `member`: of that of one member, told by its id or name."""
        question = Question(tuple(attributes), tuple(targets), dict(parameters or {}))
        (answer,) = await self.explore_each(name, metric, [question], local=local, member=member)
        return answer

    async def explore_each(
        self,
        name: str,
        metric: str,
        questions: Sequence[Question],
        *,
        local: bool = False,
        member: str | None = None,
    ) -> list[Answer]:
        """Ask a metric several questions of the same statistics."""
        statistics = await self._projects.statistics_of(name, local=local, member=member)
        with refusing():
            values = await self._learning.think(answering.explore, statistics.moments, metric, questions)
        rows, contributions = statistics.moments.rows, statistics.contributions
        return answers(name, metric, questions, values, rows, contributions)

    async def drift(
        self, name: str, baseline: str, metric: str, attributes: Sequence[str] = ()
    ) -> DriftAnswer:
        """How far the project's rows have moved from the baseline project's."""
        before = await self._projects.statistics(baseline)
        after = await self._projects.statistics(name)
        with refusing():
            values = await self._learning.think(
                answering.drift, metric, before.moments, after.moments, attributes
            )
        return DriftAnswer(
            project=name,
            baseline=baseline,
            metric=metric,
            attributes=tuple(attributes),
            values=values,
            rows=after.moments.rows,
            contributions=after.contributions,
            baseline_rows=before.moments.rows,
            baseline_contributions=before.contributions,
        )


def answers(
    project: str,
    metric: str,
    questions: Sequence[Question],
    values: Sequence[dict[str, Any]],
    rows: int,
    contributions: tuple[Share, ...],
) -> list[Answer]:
    """One for each question, from the values found for it."""
    return [
        Answer(
            project=project,
            metric=metric,
            attributes=question.attributes,
            values=found,
            rows=rows,
            contributions=contributions,
            targets=question.targets,
            parameters=question.parameters,
        )
        for question, found in zip(questions, values, strict=True)
    ]
