"""The demo's people: passwords are made at the first start, kept in a private file, printed at every start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

FILE = "sign-in.txt"

TRY = {
    "planner": "what needs attention, the plan board (/plan), solve and publish",
    "quality": "review what the cameras found (/quality/review): R, F, S, A, U",
    "operator": "a station's tablet page, the plant map (/map)",
    "maintenance": "stops and states on the plant map (/map)",
    "dealer": "enter an order (/orders/new), follow its promise",
    "admin": "agents and links (/it), users",
}


def keep(folder: Path, people: Mapping[str, tuple[str, str]]) -> None:
    """Write role, user and password into a file only its owner can read."""
    descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        for role, (user, password) in people.items():
            file.write(f"{role}\t{user}\t{password}\n")


def show(console: Console, folder: Path, url: str) -> None:
    """Print the address, the sign-in of each role and what to try."""
    console.print(f"[bold]{url}[/]   (sign-ins also in {folder / FILE})")
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("role", "user", "password", "try"):
        table.add_column(column)
    file = folder / FILE
    for line in file.read_text().splitlines() if file.exists() else ():
        role, user, password = line.split("\t")
        table.add_row(role, user, password, TRY.get(role, ""))
    console.print(table)
