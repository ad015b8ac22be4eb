"""What the documents say exists: links, files, modules, commands with their flags, routes, settings."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi import FastAPI
from pydantic import BaseModel

import mes
from edge import __main__ as edge
from edge.settings import EdgeSettings
from mes.entrypoints.bootstrap import add_doors
from mes.platform.settings import Settings

_ROOT = Path(mes.__file__).parents[1]
_DOCUMENTS = sorted([*_ROOT.glob("*.md"), *_ROOT.glob("docs/**/*.md")])
_PACKAGES = ("aps", "docs", "edge", "mes", "plc_sim", "qc_vision", "tests")


@dataclass(frozen=True, slots=True)
class Quoted:
    """A piece of code in a document: between back-ticks, or a line of a block."""

    where: str
    text: str


def quoted(file: Path) -> Iterator[Quoted]:
    """Return every piece of code of a document, a line that goes on after a backslash as one."""
    within = False
    lines = file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    for number, line in enumerate(lines, 1):
        where = f"{file.relative_to(_ROOT)}:{number}"
        if line.lstrip().startswith("```"):
            within = not within
        elif within:
            yield Quoted(where, line.split("  #")[0].split(" # ")[0])
        else:
            for text in re.findall(r"`([^`]+)`", line):
                yield Quoted(where, text)


def everything_quoted() -> list[Quoted]:
    return [one for file in _DOCUMENTS for one in quoted(file)]


@dataclass(slots=True)
class Command:
    """The flags that a command takes, and the commands below it."""

    flags: set[str] = field(default_factory=set)
    below: dict[str, Command] = field(default_factory=dict)


class _ParserMade(Exception):
    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def of_parser(parser: argparse.ArgumentParser) -> Command:
    command = Command()
    for action in parser._actions:
        command.flags.update(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            command.below.update({name: of_parser(one) for name, one in action.choices.items()})
    return command


def of_click(shown: Any) -> Command:
    command = Command({"--help"})
    for parameter in shown.params:
        command.flags.update(parameter.opts, parameter.secondary_opts)
    for name, one in getattr(shown, "commands", {}).items():
        command.below[name] = of_click(one)
    return command


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Command]:
    """Return every program of the documents by the words that start it."""

    def refuse(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise _ParserMade(self)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", refuse)

    def of_main(main: Callable[[list[str]], int], *words: str) -> Command:
        with pytest.raises(_ParserMade) as made:
            main(list(words))
        return of_parser(made.value.parser)

    found = {
        name: of_main(importlib.import_module(module).main)
        for name, module in {
            "aps": "aps.__main__",
            "qc_vision": "qc_vision.cli",
            "plc_sim": "plc_sim.__main__",
        }.items()
    }
    found["plc_sim"].below["load"] = of_main(importlib.import_module("plc_sim.load.server").main)
    agent = of_main(edge.main)
    agent.below = {word: of_main(edge.main, word) for word in ("browse", "faults", "bench")}
    c2m = of_click(typer.main.get_command(importlib.import_module("mes.entrypoints.cli").app))
    c2m.below |= {"edge": agent, "sim": found["plc_sim"]}
    return found | {"edge": agent, "c2m": c2m}


_START = re.compile(r"(?:^|[\s(]|bin/)(?:(c2m)|python3? -m ([\w.]+))(?=[\s)]|$)([^;|&]*)")


def asked(text: str) -> Iterator[tuple[str, list[str]]]:
    """Return each program that a piece of code starts, and the words behind it."""
    for name, module, rest in _START.findall(text):
        yield name or module, re.sub(r"[\[\]|…,()]", " ", rest).split()


def wrong_with(command: Command, words: list[str]) -> str | None:
    """Return what a command does not know of the words behind it."""
    flags = set(command.flags)
    while words and words[0] in command.below:
        command = command.below[words[0]]
        flags |= command.flags
        words = words[1:]
    if words and command.below and re.fullmatch(r"[a-z][a-z-]+", words[0]):
        return f"there is no {words[0]!r}"
    unknown = {w.split("=")[0] for w in words if re.match(r"--?[a-z]", w)} - flags
    return f"there is no {', '.join(sorted(unknown))}" if unknown else None


def test_every_command_in_the_documents_exists_with_its_flags(programs: dict[str, Command]) -> None:
    found, wrong = 0, []
    for one in everything_quoted():
        for name, words in asked(one.text):
            if name in programs:
                found += 1
                why = wrong_with(programs[name], words)
            else:
                module = _ROOT / name.replace(".", "/")
                there = module.with_suffix(".py").exists() or (module / "__main__.py").exists()
                why = None if there or name in {"venv", "pytest"} else "there is no such module"
            if why is not None:
                wrong.append(f"{one.where}: {one.text}: {why}")
    assert wrong == []
    assert found > 50


def test_a_command_that_does_not_exist_would_be_seen(programs: dict[str, Command]) -> None:
    for text in ("c2m demo --fast", "c2m fly", "python -m edge faults --loud", "c2m check moon"):
        ((name, words),) = asked(text)
        assert wrong_with(programs[name], words) is not None, text


def test_every_target_of_make_in_the_documents_exists() -> None:
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):", makefile))
    assert [
        f"{one.where}: make {target}"
        for one in everything_quoted()
        for target in re.findall(r"(?:^|\s)make ([a-z-]+)", one.text)
        if target not in targets
    ] == []


def anchors(file: Path) -> set[str]:
    """Return the anchors of a document's headings, as Markdown viewers make them."""
    headings = re.findall(r"(?m)^#+ +(.+?) *$", file.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_every_link_of_the_documents_leads_somewhere() -> None:
    broken = []
    for file in _DOCUMENTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            there = (file.parent / path).resolve() if path else file
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{file.relative_to(_ROOT)}: {target}")
    assert broken == []


def test_every_file_in_the_documents_exists() -> None:
    """A path of ours ends in a suffix; `NNNN_name.sql` and the like stand for many."""
    path = re.compile(rf"(?<![\w/.])((?:{'|'.join(_PACKAGES)})/[\w./-]+\.[a-z]{{2,5}})(?![\w/])")
    assert [
        f"{one.where}: {name}"
        for one in everything_quoted()
        for name in path.findall(one.text)
        if "NNNN" not in name and not (_ROOT / name).exists()
    ] == []


def leads_to(dotted: str) -> bool:
    """Return whether a dotted name is a module of ours, or a name that stands in one."""
    at, names = _ROOT, dotted.split(".")
    for depth, name in enumerate(names):
        if (at / name).is_dir():
            at = at / name
            continue
        module = at / f"{name}.py"
        if module.exists():
            rest = names[depth + 1 :]
        else:
            module, rest = at / "__init__.py", names[depth:]
        text = module.read_text(encoding="utf-8") if module.exists() else ""
        return all(re.search(rf"\b{re.escape(word)}\b", text) for word in rest)
    return True


def test_every_module_in_the_documents_exists() -> None:
    dotted = re.compile(r"(?<![\w/.-])((?:aps|edge|mes|plc_sim|qc_vision)(?:\.\w+)+)(?![\w/-])")
    endings = (".toml", ".py", ".sql", ".json", ".env", ".example", ".pem", ".service")
    assert [
        f"{one.where}: {name}"
        for one in everything_quoted()
        for name in dotted.findall(one.text)
        if not name.endswith(endings) and not leads_to(name)
    ] == []


def variables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Return the environment variables of settings, nested ones included."""
    for name, one in model.model_fields.items():
        yield f"{prefix}{name.upper()}"
        for inner in (one.annotation, *getattr(one.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from variables(inner, f"{prefix}{name.upper()}__")


def test_every_setting_in_the_documents_exists() -> None:
    known = {*variables(Settings, "C2M_"), *variables(EdgeSettings, "C2M_EDGE__"), "C2M_SHARED"}
    assert [
        f"{one.where}: {name}"
        for one in everything_quoted()
        for name in re.findall(r"\bC2M_[A-Z_]+", one.text)
        if name not in known and not any(other.startswith(name) for other in known)
    ] == []


def test_every_route_in_the_documents_exists() -> None:
    app = FastAPI()
    add_doors(app)
    routes = {
        (method.upper(), re.sub(r"{[^}]*}", "{}", path))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    told = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]*[\w}])(?![\w/…])")
    assert [
        f"{one.where}: {method} {path}"
        for one in everything_quoted()
        for method, path in told.findall(one.text)
        if (method, re.sub(r"{[^}]*}", "{}", path)) not in routes
    ] == []
