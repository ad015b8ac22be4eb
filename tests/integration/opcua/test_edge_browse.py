"""What `c2m edge browse` sees of a line, and of a server that nobody has tidied up."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from asyncua import Server, ua

from edge.browse import main, station_and_name, tag_map
from edge.opcua.browse import walk
from edge.opcua.link import open_link
from mes.contracts.line_layout import line_interface
from tests.support.processes import free_ports
from tests.support.sims import Sims

LINE = "body-sub"


def test_a_line_is_recognised_and_its_tag_map_names_every_process_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sims, file = Sims(tmp_path), tmp_path / "map.toml"
    sims.set_clock(0)
    interface = line_interface(sims.plant, sims.plant.line(LINE))
    try:
        sims.start(LINE)
        url = interface.endpoint
        assert main([url, "--security", "None", "--write", str(file)]) == 0
        assert "Job Control v2 (OPC 10031-4) receiver" in capsys.readouterr().out
        assert main([url, "--security", "None", "--most-nodes", "20"]) == 1
        assert "more than 20 nodes" in capsys.readouterr().err
        assert main([url]) == 1
        assert "no encrypted endpoint with Basic256Sha256" in capsys.readouterr().err
    finally:
        sims.stop()
    proposed = tomllib.loads(file.read_text())
    assert proposed["complete"]
    models = {one["model"] for one in proposed["object"]}
    assert models == {"machinery", "packml", "job_control", "autoid"}
    receiver = next(one for one in proposed["object"] if one["model"] == "job_control")
    assert interface.job_control is not None
    assert receiver["methods"]["StoreAndStart"] == interface.job_control.store_and_start
    found = {one["node"]: one for one in proposed["tag"]}
    for tag in interface.tags:
        one = found[tag.node]
        assert (one["station"], one["name"], one["unit"]) == (tag.station, tag.name, tag.unit)
        assert one["history"]


def test_a_server_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"opc.tcp://127.0.0.1:{free_ports(1)}"
    assert main([url, "--security", "None"]) == 1
    assert f"{url} cannot be browsed" in capsys.readouterr().err
    for wrong in ("127.0.0.1:4840", "opc.tcp://", "opc.tcp://line:door", "opc.tcp://line:99999"):
        assert main([wrong]) == 2
        assert (
            f"{wrong!r} is no OPC UA address: it begins with opc.tcp://" in capsys.readouterr().err
        )


def test_what_could_not_be_written_or_read_is_refused_before_the_walk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, away = "opc.tcp://127.0.0.1:4840", tmp_path / "no folder" / "map.toml"
    assert main([url, "--write", str(away)]) == 2
    assert "no such folder to write to" in capsys.readouterr().err
    assert main([url, "--user", "op", "--password-file", str(away)]) == 2
    assert f"the password in {away} cannot be read" in capsys.readouterr().err


async def test_circles_arrays_texts_and_names_that_come_twice() -> None:
    endpoint = f"opc.tcp://127.0.0.1:{free_ports(1)}"
    server = Server()
    await server.init()
    server.set_endpoint(endpoint)
    index = await server.register_namespace("urn:maker")
    press = await server.nodes.objects.add_object(index, "Press 1")
    again = await press.add_object(index, "Press 1")
    await again.add_reference(press, ua.ObjectIds.Organizes)
    for parent in (press, again):
        await parent.add_variable(index, "Force [kN]", 1.0, ua.VariantType.Double)
    await press.add_variable(index, "Curve", [1.0, 2.0], ua.VariantType.Double)
    await press.add_variable(index, "Die", "D-17", ua.VariantType.String)
    for number in range(250):
        await again.add_variable(index, f"Stroke{number}", number, ua.VariantType.UInt16)
    async with server, open_link(endpoint) as link:
        found = await walk(link, link.namespaces.uris, most_nodes=10_000)
        cut = await walk(link, link.namespaces.uris, most_nodes=100)
    mine = [tag for tag in found.tags if tag.node.startswith("nsu=urn:maker;")]
    assert len(mine) == 252
    assert found.cut == ""
    assert {station_and_name(tag)[0] for tag in mine} == {"Press_1"}
    assert found.passed_over["array"] >= 1
    assert found.passed_over["no number"] >= 1
    names = [one["name"] for one in tomllib.loads(tag_map(found, endpoint))["tag"]]
    assert {"Force_kN", "Force_kN-2"} <= set(names)
    assert cut.visited <= 100
    assert cut.cut == "more than 100 nodes"
