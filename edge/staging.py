"""Which configuration an agent runs: the newest, unless its line fell silent under it.

What concerns the line (its interface and how often it publishes) is staged when the line was heard under the
configuration before: it is kept as proved once the line is heard under the new one too, and taken back when that
does not happen in time. A line that is not heard under the old one again either was lost for another reason:
then the new one is taken after all. Everything else (models, certificates, limits) is taken at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial

import structlog

from edge.identity import DataFolder, Refusal
from mes.contracts.agent import AgentConfig, RefusedConfig

log = structlog.get_logger(__name__)

LOOK_S = 0.1


class Staging:
    """Chooses between a configuration that works and one that has yet to show that it does.

    Args:
        folder: keeps what is proved, staged and refused, so that a crash during a trial ends with one that works.
        instance: the copy of the agent that they are meant for.
        trial_s: real seconds in which the line has to be heard.
    """

    def __init__(self, folder: DataFolder, instance: str, *, trial_s: float) -> None:
        self._folder = folder
        self._instance = instance
        self._trial_s = trial_s
        self._judge: Callable[[bool, str], bool] | None = None

    @property
    def refused(self) -> RefusedConfig | None:
        """The configuration that was taken back, while an older one runs in its place."""
        refusal = self._folder.refusal(self._instance)
        if refusal is None:
            return None
        return RefusedConfig(version=refusal.config.version, reason=refusal.reason)

    def choose(self, newest: AgentConfig, *, heard: bool) -> AgentConfig:
        """Return the configuration to run, given the newest one.

        Args:
            heard: the line was heard under the configuration before, until now.
        """
        self._judge = None
        proved = self._folder.cached_config(self._instance)
        refused = self._folder.refusal(self._instance)
        if proved is not None and same_for_the_line(proved, newest):
            self._folder.keep_config(self._instance, newest)
            if refused is None or newest.version > refused.config.version:
                self._folder.end_trial()
            return newest
        if proved is None:
            return self._prove(newest)
        if refused is not None and same_for_the_line(refused.config, newest):
            if not refused.stands:
                self._judge = partial(self._after_the_return, newest)
            older = _with_the_line_of(proved, newest)
            self._folder.keep_config(self._instance, older)
            return older
        staged = self._folder.staged_config(self._instance)
        if heard or (staged is not None and same_for_the_line(staged, newest)):
            self._folder.stage_config(self._instance, newest)
            self._judge = partial(self._after_the_trial, newest)
            log.info("config.staged", version=newest.version, trial_s=self._trial_s)
            return newest
        return self._prove(newest)

    async def watch(self, heard: Callable[[], bool], why_not: Callable[[], str]) -> bool:
        """Wait until it is known whether the line is heard; returns at once when nothing is on trial.

        Args:
            heard: whether the line has told something since the parts were started.
            why_not: what keeps it from being heard.

        Returns:
            True: another configuration is to be chosen now.
        """
        for _ in range(math.ceil(self._trial_s / LOOK_S)):
            if self._judge is None or heard():
                break
            await asyncio.sleep(LOOK_S)
        judge, self._judge = self._judge, None
        return judge is not None and judge(heard(), why_not() or "the line tells nothing")

    def _prove(self, config: AgentConfig) -> AgentConfig:
        self._folder.keep_config(self._instance, config)
        self._folder.end_trial()
        return config

    def _after_the_trial(self, staged: AgentConfig, heard: bool, reason: str) -> bool:
        if heard:
            log.info("config.proved", version=staged.version)
            self._prove(staged)
            return False
        log.error("config.taken_back", version=staged.version, reason=reason)
        self._folder.keep_refusal(
            Refusal(instance=self._instance, config=staged, reason=reason[:500])
        )
        return True

    def _after_the_return(self, refused: AgentConfig, heard: bool, reason: str) -> bool:
        if heard:
            refusal = self._folder.refusal(self._instance)
            if refusal is not None:
                self._folder.keep_refusal(refusal.model_copy(update={"stands": True}))
            return False
        log.warning("config.was_not_it", version=refused.version, reason=reason)
        self._prove(refused)
        return True


def same_for_the_line(one: AgentConfig, other: AgentConfig) -> bool:
    """Whether two configurations read and write a line in the same way."""
    return (one.interface, one.publish_interval_ms) == (other.interface, other.publish_interval_ms)


def keeps_the_session(before: AgentConfig, after: AgentConfig) -> bool:
    """Whether an agent can go over to another configuration without letting go of its line."""
    free = ("version", "models", "clock", "trusted", "revoked")
    interface = before.interface.model_copy(update={"tags": after.interface.tags})
    same = {name: getattr(after, name) for name in free} | {"interface": interface}
    return before.model_copy(update=same) == after


def _with_the_line_of(older: AgentConfig, newest: AgentConfig) -> AgentConfig:
    """Return the newest configuration but for the line; its version says whose line it is."""
    return newest.model_copy(
        update={
            "version": older.version,
            "interface": older.interface,
            "publish_interval_ms": older.publish_interval_ms,
        }
    )
