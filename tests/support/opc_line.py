"""A line of the plant model on a real OPC UA server, with its own account of everything it published.

`python -m tests.support.opc_line --plant FILE --line ID --base-port N --account FILE`: tags rise by one every
50 ms, the ledger gets a record every 100 ms and is kept in the account file, so that a restart goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua import Server, ua, uamethod

from mes.contracts.line_layout import line_interface
from mes.contracts.line_records import StationStateChanged
from mes.contracts.plant_file import load_plant, with_ports
from mes.contracts.plc import PLANT_NAMESPACE, LineInterface

TAG_EVERY_S = 0.05
RECORD_EVERY = 2


class Account:
    """What was published: one JSON line for each value (`v`) and record (`r`), written before it is told."""

    def __init__(self, path: Path) -> None:
        self.values = 0
        self.records: list[str] = []
        if path.exists():
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                if "r" in entry:
                    self.records.append(json.dumps(entry["r"]))
                else:
                    self.values = entry["v"]
        self._file = path.open("a")

    def value(self, number: int, at: datetime) -> None:
        self._write({"v": number, "at": at.isoformat()})

    def record(self, record: StationStateChanged) -> None:
        self.records.append(record.model_dump_json())
        self._write({"r": json.loads(self.records[-1])})

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


async def serve(
    interface: LineInterface, account: Account, *, subscriptions: int | None = None
) -> None:
    """Serve the line until cancelled; with at most so many subscriptions."""
    server = Server()
    await server.init()
    if subscriptions is not None:
        server.iserver.max_subscriptions = subscriptions
    server.set_endpoint(interface.endpoint)
    index = await server.register_namespace(PLANT_NAMESPACE)

    def node_id(reference: str) -> ua.NodeId:
        return ua.NodeId.from_string(f"ns={index};{reference.split(';', 1)[1]}")

    objects = server.nodes.objects
    assert interface.ledger is not None
    tags = [
        await objects.add_variable(node_id(tag.node), tag.name, 0.0, ua.VariantType.Double)
        for tag in interface.tags
    ]
    ledger = await objects.add_object(node_id(interface.ledger.parent), "Ledger")
    last_seq = await ledger.add_variable(
        node_id(interface.ledger.last_seq), "LastSeq", len(account.records), ua.VariantType.UInt64
    )

    @uamethod  # type: ignore[untyped-decorator]
    def read(parent: ua.NodeId, first: int, count: int) -> list[str]:
        return account.records[first - 1 : first - 1 + count]

    await ledger.add_method(
        node_id(interface.ledger.read),
        "Read",
        read,
        [ua.VariantType.UInt64, ua.VariantType.UInt32],
        [ua.VariantType.String],
    )
    async with server:
        print("ready", flush=True)
        number = account.values
        while True:
            number += 1
            now = datetime.now(UTC)
            account.value(number, now)
            value = ua.DataValue(ua.Variant(float(number)), SourceTimestamp=now)
            for tag in tags:
                await server.write_attribute_value(tag.nodeid, value)
            if number % RECORD_EVERY == 0:
                record = StationStateChanged(
                    seq=len(account.records) + 1,
                    line=interface.line,
                    at=now,
                    station=interface.stations[0].id,
                    state="running" if len(account.records) % 2 else "starved",
                )
                account.record(record)
                told = ua.DataValue(ua.Variant(record.seq, ua.VariantType.UInt64))
                await server.write_attribute_value(last_seq.nodeid, told)
            await asyncio.sleep(TAG_EVERY_S)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--plant", type=Path, required=True)
    parser.add_argument("--line", required=True)
    parser.add_argument("--base-port", type=int, required=True)
    parser.add_argument("--account", type=Path, required=True)
    parser.add_argument("--subscriptions", type=int)
    options = parser.parse_args()
    logging.getLogger("asyncua").setLevel(logging.ERROR)
    plant = with_ports(load_plant(options.plant), options.base_port)
    interface = line_interface(plant, plant.line(options.line))
    account = Account(options.account)
    asyncio.run(serve(interface, account, subscriptions=options.subscriptions))


if __name__ == "__main__":
    main()
