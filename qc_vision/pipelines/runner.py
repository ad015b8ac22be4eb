"""Runs a pipeline on pictures: a verdict for the line, or every node's value for a person who looks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qc_vision.pipelines.check import checked, runnable
from qc_vision.pipelines.document import Document, Node
from qc_vision.pipelines.kinds import KINDS
from qc_vision.pipelines.steps import CannotJudge, Given, Resources, Workshop
from qc_vision.pipelines.values import (
    Decision,
    Measurement,
    NodeReading,
    Outcome,
    PipelineInspection,
    Run,
    Score,
)
from qc_vision.runtime.image import NotAnImage, decode
from qc_vision.runtime.inspection import Fitness, Verdict
from qc_vision.runtime.inspector import Inspector

_DECODE = "decode"


class Runner:
    """A pipeline that is ready to judge. Stateless between pictures; may be shared by threads."""

    def __init__(
        self, document: Document, resources: Resources, *, order: Sequence[Node] | None = None
    ) -> None:
        """Load everything the document names.

        Args:
            order: the nodes to run, in order; all of a document that can run by default.

        Raises:
            PipelineError: it cannot run; the message names the node.
        """
        steps = checked(document) if order is None else order
        workshop = Workshop(resources, {})
        self.document = document
        self.sha256 = document.sha256
        self._steps = [(node, workshop.step(node)) for node in steps]
        self.inspectors: Mapping[str, Inspector] = workshop.inspectors
        ends = [node for node in steps if node.kind == "sink"]
        self._end = ends[0].name if ends else ""
        self._andon = bool(ends and ends[0].setting("andon"))
        self._source = next((node.name for node in steps if node.kind == "source"), "")

    @classmethod
    def of_what_runs(cls, document: Document, resources: Resources) -> Runner:
        """Return a runner of the nodes that can run while others are unfinished; without a sink all is UNFIT."""
        return cls(document, resources, order=runnable(document))

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that every model of the pipeline knows; empty: any."""
        known = [set(one.manifest.variants) for one in self.inspectors.values()]
        narrow = [variants for variants in known if variants]
        return tuple(sorted(set.intersection(*narrow))) if narrow else ()

    def inspect(self, image: bytes | NDArray[np.generic]) -> PipelineInspection:
        """Judge encoded bytes or a BGR array; never raises: what cannot be judged is UNFIT."""
        return self._run(image, to_the_end=False).inspection

    def run(self, image: bytes | NDArray[np.generic]) -> Run:
        """Judge a picture and keep what every node made of it, also of those beside one that failed."""
        return self._run(image, to_the_end=True)

    def unfit(self, reason: str) -> Run:
        """Return the answer for a picture that never came."""
        failed = Outcome(self._source, "source", failure=reason)
        return Run(self._answer([failed], {}), (failed,))

    def _run(self, image: bytes | NDArray[np.generic], *, to_the_end: bool) -> Run:
        began = time.perf_counter()
        try:
            taken = decode(image)
        except NotAnImage as refusal:
            return self.unfit(str(refusal))
        ms = {_DECODE: (time.perf_counter() - began) * 1e3}
        values: dict[str, Any] = {}
        outcomes: list[Outcome] = []
        for node, step in self._steps:
            given = _given(node, values, taken)
            if given is None:
                outcomes.append(Outcome(node.name, node.kind))
                continue
            began = time.perf_counter()
            value, failure, is_fault = None, None, False
            try:
                value = values[node.name] = step(given)
            except CannotJudge as refusal:
                failure = str(refusal)
            except Exception as error:  # whatever a node raises: no part passes because of it
                failure, is_fault = f"{type(error).__name__}: {error}", True
            ms[node.name] = (time.perf_counter() - began) * 1e3
            outcomes.append(Outcome(node.name, node.kind, ms[node.name], value, failure, is_fault))
            if failure is not None and not to_the_end:
                break
        return Run(self._answer(outcomes, ms), tuple(outcomes), taken)

    def _answer(self, outcomes: list[Outcome], ms: Mapping[str, float]) -> PipelineInspection:
        failed = next((one for one in outcomes if one.failure is not None), None)
        values = {one.node: one.value for one in outcomes}
        decision = values.get(self._end)
        if failed is not None or not isinstance(decision, Decision):
            name, why = (failed.node, failed.failure) if failed else (self._end, "no verdict")
            decision = Decision(Verdict.UNFIT, 0.0, 0.5, (), f"{name}: {why}".lstrip(": "))
        readings = tuple(
            NodeReading(one.node, one.value.reading)
            for one in outcomes
            if isinstance(one.value, Measurement)
        )
        calls = self._andon and decision.verdict is Verdict.NOK
        return PipelineInspection(
            verdict=decision.verdict,
            score=decision.score,
            regions=decision.regions,
            fitness=Fitness(0.0, 0.0, decision.reason),
            heatmap=None,
            model_version=_versions(values),
            pipeline_version=self.document.version,
            threshold=decision.threshold,
            ms=dict(ms),
            readings=readings,
            failed=failed.node if failed else None,
            error=failed.failure if failed and failed.is_fault else None,
            help_wanted=(decision.reason or "the pipeline found something")[:300]
            if calls
            else None,
        )


def _given(node: Node, values: Mapping[str, Any], taken: Any) -> Given | None:
    """Return a node's inputs; None when something that it needs failed."""
    if node.kind == "source":
        return {"taken": taken}
    if any(name not in values for name in node.sources):
        return None
    given: dict[str, Any] = {}
    for inlet, wanted in KINDS[node.kind].inlets.items():
        names = node.inputs.get(inlet, ())
        if wanted.many:
            given[inlet] = {name: values[name] for name in names}
        elif names:
            given[inlet] = values[names[0]]
    return given


def _versions(values: Mapping[str, Any]) -> str:
    """Return the versions of the models that judged, each once."""
    found = (v.inspection.model_version for v in values.values() if isinstance(v, Score))
    return ", ".join(dict.fromkeys(found))
