"""`python -m edge browse URL`: what a server offers, and a tag map proposed for it.

The map is a TOML file to look through by hand: each process value with its station, its name and its node, and the
objects of companion specifications that were recognised. Nothing is written to the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from edge.opcua.browse import Found, FoundTag, walk
from edge.opcua.link import LinkFailed, open_link, quiet_asyncua
from edge.opcua.security import LinkSecurity, Login, Policy, PolicyNotOffered
from edge.opcua.trust import CertificateRefused

MOST_NODES = 100_000
SHOWN = 40
USAGE_ERROR = 2
MODELS = {
    "machinery": "Machinery (OPC 40001-1) machine",
    "packml": "PackML (OPC 30050) unit",
    "job_control": "ISA-95 Job Control v2 (OPC 10031-4) receiver",
    "machine_vision": "Machine Vision (OPC 40100-1) system",
    "autoid": "AutoID (OPC 30010) device",
}


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    if not _is_address(options.url):
        return _refuse(
            f"{options.url!r} is no OPC UA address: it begins with opc.tcp://HOST:PORT", 2
        )
    if options.write is not None and not options.write.absolute().parent.is_dir():
        return _refuse(f"{options.write}: there is no such folder to write to", USAGE_ERROR)
    try:
        password = options.password_file.read_text().strip() if options.password_file else ""
    except (OSError, UnicodeDecodeError) as error:
        return _refuse(
            f"the password in {options.password_file} cannot be read: {error}", USAGE_ERROR
        )
    quiet_asyncua()
    try:
        found = asyncio.run(_browse(options, password))
    except CertificateRefused as refused:
        where = options.pki / "rejected" if options.pki else "…"
        return _refuse(
            f"{refused}\n  give --pki DIR and move it from {where} to trusted, or --trust DIR with it",
            1,
        )
    except PolicyNotOffered as missing:
        return _refuse(f"{str(missing).partition(';')[0]}; --security names another", 1)
    except LinkFailed as failed:
        reason = str(failed) or type(failed).__name__
        return _refuse(f"{options.url} cannot be browsed: {reason}", 1)
    except ValueError as wrong:
        return _refuse(str(wrong), USAGE_ERROR)
    print(describe(found))  # noqa: T201
    if options.write is not None:
        options.write.write_text(tag_map(found, options.url), encoding="utf-8")
        print(f"\nThe proposed tag map is in {options.write}.")  # noqa: T201
    if found.cut:
        return _refuse(f"not everything was seen: {found.cut}; --most-nodes N looks further", 1)
    return 0


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "opc.tcp" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or none that there is
        return False


async def _browse(options: argparse.Namespace, password: str) -> Found:
    with tempfile.TemporaryDirectory(prefix="c2m-browse-") as folder:
        pki = options.pki or Path(folder)
        security = LinkSecurity(
            pki,
            "browse",
            policy=Policy(options.security),
            login=Login(options.user, password),
            also=options.trust,
        )
        security.prepare(now=datetime.now(UTC))
        async with open_link(options.url, security) as link:
            return await walk(link, link.namespaces.uris, most_nodes=options.most_nodes)


def describe(found: Found) -> str:
    """Return what was found as text for people."""
    text = [f"{found.visited} nodes, {len(found.tags)} process values."]
    text += [
        f"  {MODELS[one.model]}: {'/'.join(one.path)}"
        + (f", {len(one.methods)} methods" if one.methods else "")
        for one in found.objects
    ]
    passed = ", ".join(f"{count} {what}" for what, count in sorted(found.passed_over.items()))
    if passed:
        text.append(f"  passed over: {passed}")
    for tag in found.tags[:SHOWN]:
        station, name = station_and_name(tag)
        text.append(f"  {f'{station}.{name}':<36} {tag.data_type:<8} {tag.unit:<8} {tag.node}")
    if len(found.tags) > SHOWN:
        text.append(f"  … and {len(found.tags) - SHOWN} more")
    return "\n".join(text)


def tag_map(found: Found, url: str) -> str:
    """Return the proposed tag map as TOML; names that come twice get a number."""
    lines = [
        "# Proposed by `c2m edge browse`; delete what is not wanted, and name what is.",
        f"endpoint = {_text(url)}",
        f"complete = {'false' if found.cut else 'true'}",
    ]
    for one in found.objects:
        lines += ["", "[[object]]", f"model = {_text(one.model)}", f"node = {_text(one.node)}"]
        lines.append(f"path = {_text('/'.join(one.path))}")
        if one.methods:
            lines.append("[object.methods]")
            lines += [f"{_text(name)} = {_text(node)}" for name, node in one.methods]
    times: Counter[tuple[str, str]] = Counter()
    for tag in found.tags:
        station, name = station_and_name(tag)
        times[station, name] += 1
        again = times[station, name]
        lines += ["", "[[tag]]", f"station = {_text(station)}"]
        lines.append(f"name = {_text(name if again == 1 else f'{name}-{again}')}")
        lines += [f"node = {_text(tag.node)}", f"unit = {_text(tag.unit)}"]
        lines += [
            f"type = {_text(tag.data_type)}",
            f"history = {'true' if tag.history else 'false'}",
        ]
    return "\n".join(lines) + "\n"


def station_and_name(tag: FoundTag) -> tuple[str, str]:
    """Propose the object right above a variable as its station."""
    station = tag.path[-2] if len(tag.path) > 1 else "line"
    return _word(station), _word(tag.path[-1])


def _word(text: str) -> str:
    return re.sub(r"[^\w-]+", "_", text).strip("_") or "unnamed"


def _text(value: str) -> str:
    """Return a TOML basic string: JSON's escapes are among TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _refuse(words: str, status: int) -> int:
    print(f"edge browse: {words}", file=sys.stderr)  # noqa: T201
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="c2m edge browse", description=__doc__)
    parser.add_argument("url", help="opc.tcp://HOST:PORT/…")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the proposed tag map")
    parser.add_argument("--most-nodes", type=int, default=MOST_NODES, help="stop behind so many")
    parser.add_argument(
        "--security",
        choices=[policy.value for policy in Policy],
        default=Policy.BASIC_256_SHA_256.value,
        help="policy of the link; None must be asked for",
    )
    parser.add_argument(
        "--pki", type=Path, help="folder with own, trusted and rejected certificates"
    )
    parser.add_argument(
        "--trust", type=Path, action="append", default=[], help="folder of trusted ones"
    )
    parser.add_argument("--user", default="", help="user of the session")
    parser.add_argument("--password-file", type=Path)
    return parser
