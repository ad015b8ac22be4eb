"""What agent and MES say to each other through a broker proves who says it, and nobody runs on who was stopped."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import ValidationError

from mes.contracts import broker
from mes.contracts.broker import BrokerAccess, Subjects
from mes.contracts.wire import Batch, Place, Stream, WireError, encode, place_of

KEY = broker.token_key("a token")


def test_a_proof_is_good_for_what_was_stated_and_for_this_key_alone() -> None:
    stated = broker.statement("batch", "copy", "r-1", "5", content=b"frame")
    shown = broker.proof(KEY, stated)
    assert broker.proves(KEY, stated, shown)
    assert not broker.proves(broker.token_key("another"), stated, shown)
    for other in (
        broker.statement("answer", "copy", "r-1", "5", content=b"frame"),
        broker.statement("batch", "copy", "r-1", "6", content=b"frame"),
        broker.statement("batch", "copy", "r-15", "", content=b"frame"),
        broker.statement("batch", "copy", "r-1", "5", content=b"framf"),
    ):
        assert not broker.proves(KEY, other, shown)
    assert not broker.proves(KEY, stated, "")
    assert not broker.proves(KEY, stated, "ß")


def test_subjects_of_two_plants_do_not_meet() -> None:
    agent = UUID(int=1)
    assert Subjects("plant1").batches(agent) == f"plant1.batches.{agent}"
    assert Subjects("c2m").receipts(agent, "r-1").startswith(Subjects("c2m").inbox(agent))
    for prefix in ("a b", "a.", "*", ">", ""):
        with pytest.raises(ValidationError):
            BrokerAccess(prefix=prefix)


def test_secrets_are_read_from_files_at_each_connection(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    access = BrokerAccess(url="nats://a:1, nats://b:2", user="mes", password_file=secret)
    with pytest.raises(FileNotFoundError):
        access.options()
    secret.write_text("old\n")
    assert access.options()["password"] == "old"
    secret.write_text("new\n")
    options = access.options()
    assert (options["user"], options["password"]) == ("mes", "new")
    assert options["servers"] == ["nats://a:1", "nats://b:2"]
    assert options["allow_reconnect"] is False
    assert "tls" not in options


def test_tls_checks_the_servers_name_and_certificate() -> None:
    context = BrokerAccess(url="tls://a:1").options()["tls"]
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_where_a_batch_stands_is_read_from_its_header() -> None:
    frame = encode(Batch(UUID(int=1), 3, Stream.GAPS, 7, 0, b""))
    assert place_of(frame) == Place(Stream.GAPS, 3, 7)
    assert place_of(frame[:64] + b"damaged") == Place(Stream.GAPS, 3, 7)
    for broken in (b"", bytes(80), frame[:5] + b"\x09" + frame[6:]):
        with pytest.raises(WireError):
            place_of(broken)


async def test_a_cancellation_that_was_forgotten_on_the_way_still_ends_the_task() -> None:
    reached: list[str] = []

    async def forgets() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            reached.append("forgotten")
        broker.heed_cancellation()
        reached.append("ran on")

    task = asyncio.create_task(forgets())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reached == ["forgotten"]
    broker.heed_cancellation()
