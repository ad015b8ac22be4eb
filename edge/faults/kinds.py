"""The faults. Each does its harm on a rig, waits as long as it lasts, and leaves everything running again."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from edge.faults.processes import UNLIMITED
from edge.faults.proxy import Cable, Harm, Proxy
from edge.faults.rig import Rig
from edge.faults.torn import tear
from edge.identity import DataFolder

LONGEST_S = 20.0
"""Durations above this are scaled down to it, unless the campaign is a long one."""
HARM_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Chance:
    """The dice of one fault, and whether durations are the full ones."""

    dice: random.Random
    long: bool

    def seconds(self, full: float) -> float:
        """Return how long a fault of `full` seconds lasts in this campaign."""
        return full if self.long else min(full, LONGEST_S)

    def between(self, low: float, high: float) -> float:
        """Draw a duration."""
        return self.seconds(self.dice.uniform(low, high))


Fault = Callable[[Rig, Chance], Awaitable[None]]
FAULTS: dict[str, Fault] = {}
OF_HTTP = frozenset(
    {"mes_killed", "batches_doubled", "batches_reordered", "batches_damaged", "receipts_lost"}
)
"""Those that take hold of batches on their way over HTTP."""


def fault(act: Fault) -> Fault:
    """Register a fault under its name."""
    FAULTS[getattr(act, "__name__", repr(act))] = act
    return act


# -- the line ---------------------------------------------------------------------------------


@fault
async def line_killed(rig: Rig, chance: Chance) -> None:
    """The line's server dies and comes back."""
    rig.line.kill()
    await asyncio.sleep(chance.between(0, 4))
    await rig.start_line()


@fault
async def line_hangs_1_s(rig: Rig, chance: Chance) -> None:
    """The server answers nothing for a second, connections stay open."""
    await _line_hangs(rig, 1)


@fault
async def line_hangs_12_s(rig: Rig, chance: Chance) -> None:
    """The hang after which stock clients never recover."""
    await _line_hangs(rig, 12)


@fault
async def line_hangs_120_s(rig: Rig, chance: Chance) -> None:
    """A long hang."""
    await _line_hangs(rig, chance.seconds(120))


async def _line_hangs(rig: Rig, seconds: float) -> None:
    rig.line.freeze()
    await asyncio.sleep(seconds)
    rig.line.thaw()


@fault
async def connections_cut(rig: Rig, chance: Chance) -> None:
    """Every TCP connection to the line is reset, up to three times."""
    for _ in range(chance.dice.randint(1, 3)):
        rig.to_line.abort()
        await asyncio.sleep(chance.between(0, 2))


@fault
async def line_unreachable(rig: Rig, chance: Chance) -> None:
    """The cable to the line is pulled: nothing answers and nothing says so."""
    await _pulled(rig.to_line, Cable.PULLED, chance.between(2, 30))


@fault
async def namespaces_reordered(rig: Rig, chance: Chance) -> None:
    """The server restarts with other namespaces before ours."""
    await asyncio.to_thread(rig.line.stop)
    await rig.start_line(before=chance.dice.randint(1, 5))


@fault
async def odd_values(rig: Rig, chance: Chance) -> None:
    """NaN, Inf and Bad come between good values."""
    for _ in range(20):
        kind = chance.dice.choice(("nan", "inf", "bad"))
        _tell_line(rig, do="value", kind=kind, tag=_a_tag(rig, chance))
        await asyncio.sleep(0.05)


@fault
async def type_changed(rig: Rig, chance: Chance) -> None:
    """A node has another type for a while."""
    tag = _a_tag(rig, chance)
    for _ in range(20):
        _tell_line(rig, do="value", kind="text", tag=tag)
        await asyncio.sleep(0.05)


@fault
async def node_vanished(rig: Rig, chance: Chance) -> None:
    """A node disappears; the connection is lost meanwhile, so that subscribing meets its absence."""
    tag, seconds = _a_tag(rig, chance), chance.between(2, 6)
    _tell_line(rig, do="vanish", tag=tag, s=seconds)
    await asyncio.sleep(0.2)
    if chance.dice.random() < 0.7:
        rig.to_line.abort()
    await asyncio.sleep(seconds)


@fault
async def too_many_monitored_items(rig: Rig, chance: Chance) -> None:
    """The server takes fewer monitored items in a request than it is asked for."""
    _tell_line(rig, do="limit", items=max(1, len(rig.interface.tags) // 2))
    rig.to_line.abort()
    await asyncio.sleep(chance.between(3, 8))
    _tell_line(rig, do="limit", items=0)
    await asyncio.sleep(0.2)
    rig.to_line.abort()


@fault
async def channel_renewed_under_load(rig: Rig, chance: Chance) -> None:
    """Secure channels live for a few seconds only and are renewed while values flow."""
    await asyncio.to_thread(rig.line.stop)
    await rig.start_line(lifetime_ms=4000)
    await asyncio.sleep(chance.seconds(12))


def _a_tag(rig: Rig, chance: Chance) -> int:
    return chance.dice.randrange(len(rig.interface.tags))


def _tell_line(rig: Rig, **command: object) -> None:
    rig.line.tell(json.dumps(command))


# -- certificates and users -------------------------------------------------------------------


@fault
async def certificate_expired(rig: Rig, chance: Chance) -> None:
    """The line shows a certificate whose time is over, until it gets a good one."""
    await asyncio.to_thread(rig.line.stop)
    rig.new_line_certificate(days=-1)
    await rig.start_line()
    await asyncio.sleep(chance.between(2, 6))
    await asyncio.to_thread(rig.line.stop)
    rig.new_line_certificate()
    await rig.start_line()


@fault
async def certificate_revoked(rig: Rig, chance: Chance) -> None:
    """Plant IT withdraws the line's certificate, and approves it again later."""
    await asyncio.to_thread(rig.line.stop)
    print_ = rig.new_line_certificate()
    await rig.start_line()
    await asyncio.sleep(1)
    target = rig.home / "pki" / "trusted" / f"{print_}.der"
    shutil.copyfile(rig.line_pki / "own" / f"{print_}.der", target)
    rig.agent_trust.apply(trusted=(), revoked=(print_,))
    rig.to_line.abort()
    await asyncio.sleep(chance.between(2, 6))
    rig.agent_trust.apply(trusted=(print_,), revoked=())


@fault
async def certificate_of_line_rotated(rig: Rig, chance: Chance) -> None:
    """The line restarts with a new certificate."""
    await asyncio.to_thread(rig.line.stop)
    rig.new_line_certificate()
    await rig.start_line()


@fault
async def certificate_of_agent_rotated(rig: Rig, chance: Chance) -> None:
    """The agent gets a new certificate that the line does not believe at first."""
    believed = rig.line_pki / "trusted"
    now = [path.read_bytes() for path in believed.glob("*.der")]
    believed.unlink()
    believed.mkdir()
    for number, content in enumerate(now):
        (believed / f"{number}.der").write_bytes(content)
    rig.renew_agent_certificate()
    rig.to_line.abort()
    await asyncio.sleep(chance.between(2, 6))
    rig.believe_agent()
    rig.to_line.abort()


@fault
async def wrong_password(rig: Rig, chance: Chance) -> None:
    """The line's user has another password for a while."""
    rig.line.tell('{"do": "password", "is": "another"}')
    await asyncio.sleep(0.2)
    rig.to_line.abort()
    await asyncio.sleep(chance.between(2, 6))
    rig.line.tell('{"do": "password", "is": "right"}')


# -- the agent --------------------------------------------------------------------------------


@fault
async def agent_killed(rig: Rig, chance: Chance) -> None:
    """The agent dies at any moment and comes back."""
    await asyncio.sleep(chance.dice.uniform(0, 1))
    rig.agent.kill()
    await asyncio.sleep(chance.between(0, 3))
    rig.start_agent()


@fault
async def agent_killed_in_commit(rig: Rig, chance: Chance) -> None:
    """The agent dies while its journal writes, the disk being slow."""
    rig.trial(fsync_s=0.3)
    await asyncio.sleep(chance.dice.uniform(1, 2))
    rig.agent.kill()
    rig.trial()
    rig.start_agent()


@fault
async def agent_stopped_in_commit(rig: Rig, chance: Chance) -> None:
    """The agent is asked to end while its journal writes, as by an update, the disk being slow."""
    rig.trial(fsync_s=0.3)
    await asyncio.sleep(chance.dice.uniform(1, 2))
    await asyncio.to_thread(rig.agent.stop)
    rig.trial()
    rig.start_agent()


@fault
async def journal_tail_torn(rig: Rig, chance: Chance) -> None:
    """The power fails: the journal's tail is cut or garbage."""
    await asyncio.sleep(chance.dice.uniform(0, 1))
    rig.agent.kill()
    journal = DataFolder(rig.home).journal
    tear(journal.with_name(f"{journal.name}-wal"), chance.dice)
    rig.start_agent()


@fault
async def agent_hangs(rig: Rig, chance: Chance) -> None:
    """The agent stands still and the line's queues overflow."""
    rig.agent.freeze()
    await asyncio.sleep(chance.between(2, 40))
    rig.agent.thaw()


@fault
async def disk_full(rig: Rig, chance: Chance) -> None:
    """The agent's disk takes nothing more for a while."""
    rig.agent.limit_files(4096)
    await asyncio.sleep(chance.between(2, 10))
    rig.agent.limit_files(UNLIMITED)


@fault
async def disk_slow(rig: Rig, chance: Chance) -> None:
    """Every commit takes 200 ms and more."""
    rig.trial(fsync_s=chance.dice.uniform(0.2, 0.6))
    await asyncio.sleep(chance.between(5, 10))
    rig.trial()


@fault
async def clock_stepped(rig: Rig, chance: Chance) -> None:
    """The agent's clock steps by ten minutes, and back."""
    rig.trial(clock_s=chance.dice.choice((-600.0, 600.0)))
    await asyncio.sleep(chance.between(3, 6))
    if chance.dice.random() < 0.5:
        rig.to_line.abort()
    rig.trial()


@fault
async def two_agents_with_one_id(rig: Rig, chance: Chance) -> None:
    """A copy of the agent's machine is started; the first is fenced, the copy goes on."""
    first = rig.copy_agent()
    await rig.agent.says('"line.connected"', within_s=60)
    await asyncio.sleep(chance.between(2, 5))
    await asyncio.to_thread(first.stop)


# -- the MES and its database -----------------------------------------------------------------


@fault
async def mes_unreachable(rig: Rig, chance: Chance) -> None:
    """The network to the MES is gone: silent or refusing."""
    how, seconds = chance.dice.choice((Cable.PULLED, Cable.REFUSED)), chance.between(1, 600)
    cables = [cable for cable in (rig.to_mes, rig.to_broker) if cable is not None]
    await asyncio.gather(*(_pulled(cable, how, seconds) for cable in cables))


@fault
async def mes_killed(rig: Rig, chance: Chance) -> None:
    """The MES dies when a batch has just arrived, in the middle of its COPY."""
    killed = asyncio.Event()

    def kill() -> None:
        loop.call_later(chance.dice.uniform(0, 0.02), killed.set)

    loop = asyncio.get_running_loop()
    rig.to_mes.on_arrival = kill
    rig.to_mes.harm(Harm.KILL)
    async with asyncio.timeout(HARM_WITHIN_S):
        await killed.wait()
    rig.mes.kill()
    await asyncio.sleep(chance.between(0, 3))
    await rig.start_mes()


@fault
async def database_restarted(rig: Rig, chance: Chance) -> None:
    """PostgreSQL is stopped in a hurry, or killed with all its processes, and started again."""
    how = chance.dice.choice((signal.SIGINT, signal.SIGQUIT, signal.SIGKILL))
    rig.kill_database(how)
    await asyncio.to_thread(rig.database.stop)
    await asyncio.sleep(chance.between(0, 3))
    await rig.start_database()


@fault
async def batches_doubled(rig: Rig, chance: Chance) -> None:
    """Batches arrive twice."""
    await _harm(rig, Harm.DOUBLED, 5)


@fault
async def batches_reordered(rig: Rig, chance: Chance) -> None:
    """Batches that were taken long ago arrive again before newer ones."""
    await _harm(rig, Harm.OLD_AGAIN, 3)


@fault
async def batches_damaged(rig: Rig, chance: Chance) -> None:
    """A byte of some batches is flipped on the way."""
    await _harm(rig, Harm.DAMAGED, 4)


@fault
async def receipts_lost(rig: Rig, chance: Chance) -> None:
    """The MES takes batches, but its receipts do not arrive."""
    await _harm(rig, Harm.ANSWER_LOST, 3)


async def _pulled(cable: Proxy, how: Cable, seconds: float) -> None:
    cable.set(how)
    await asyncio.sleep(seconds)
    cable.set(Cable.WHOLE)


async def _harm(rig: Rig, harm: Harm, times: int) -> None:
    rig.to_mes.harm(harm, times)
    async with asyncio.timeout(HARM_WITHIN_S):
        await rig.to_mes.harm_is_done.wait()
