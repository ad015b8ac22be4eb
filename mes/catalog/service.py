"""The catalogue in force: install versions, extend them, and decide what can be built."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from mes.catalog import configure as rules
from mes.catalog import repository
from mes.catalog.check import CatalogProblem, check_catalog
from mes.catalog.model import Catalog, Color, Configuration, Option
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict, FieldError, Invalid


class NoCatalogInForce(Conflict):
    """No catalogue is in force at {at}; install one that is effective by then."""

    code = "catalog.none"


class CatalogNotSound(Invalid):
    """Catalogue {version} cannot be installed: {first}"""

    code = "catalog.not_sound"

    def __init__(self, version: str, problems: list[CatalogProblem]) -> None:
        super().__init__(
            version=version,
            first=str(problems[0]),
            errors=[FieldError(one.path, one.rule, one.message) for one in problems],
        )


class CatalogVersionTaken(Conflict):
    """Catalogue version {version} is installed with another content; give the new one a new version."""

    code = "catalog.version_taken"


def catalog_hash(catalog: Catalog) -> str:
    """Return the SHA-256 of a catalogue in canonical JSON."""
    return hashlib.sha256(catalog.model_dump_json().encode()).hexdigest()


async def install_catalog(
    conn: WriteConn,
    catalog: Catalog,
    *,
    effective_from: datetime,
    now: datetime,
    actor: str = "system",
) -> None:
    """Install a version of the catalogue; installing the same content again changes nothing.

    Args:
        effective_from: plant time from which orders are judged, and cars are exploded, by it.

    Raises:
        CatalogNotSound: with everything that is wrong.
        CatalogVersionTaken: the version exists with another content.
    """
    problems = check_catalog(catalog)
    if problems:
        raise CatalogNotSound(catalog.version, problems)
    wanted = catalog_hash(catalog)
    installed = await repository.hash_of_version(conn, catalog.version)
    if installed == wanted:
        return
    if installed is not None:
        raise CatalogVersionTaken(version=catalog.version)
    await repository.add_version(
        conn,
        catalog,
        catalog_hash=wanted,
        effective_from=effective_from,
        installed_at=now,
        actor=actor,
    )


async def active_catalog(conn: ReadConn, at: datetime) -> Catalog:
    """Return the catalogue in force at an instant of plant time, additions included.

    Raises:
        NoCatalogInForce: there is none.
    """
    head = await repository.head_at(conn, at)
    if head is None:
        raise NoCatalogInForce(at=at.isoformat())
    key = (head.hash, head.additions)
    catalog = _parsed.get(key)
    if catalog is None:
        catalog = await repository.content(conn, head.id)
        if len(_parsed) > 8:
            _parsed.clear()
        _parsed[key] = catalog
    return catalog


async def extend_catalog(
    conn: WriteConn,
    *,
    colors: Iterable[Color] = (),
    options: Iterable[Option] = (),
    source: str,
    now: datetime,
) -> Catalog:
    """Add colours and options that an import brings along, and return the catalogue with them.

    Raises:
        CatalogNotSound: an option names a family that the catalogue does not have.
    """
    new_colors, new_options = tuple(colors), tuple(options)
    extended = (await active_catalog(conn, now)).extended(colors=new_colors, options=new_options)
    problems = check_catalog(extended)
    if problems:
        raise CatalogNotSound(extended.version, problems)
    await repository.add_additions(
        conn, colors=new_colors, options=new_options, source=source, added_at=now
    )
    return await active_catalog(conn, now)


async def configure(
    conn: ReadConn, *, model: str, color: str, options: Iterable[str], at: datetime
) -> Configuration:
    """Return the car of a wish by the catalogue in force at `at`.

    Raises:
        NotBuildable: with every broken rule in words.
        NoCatalogInForce: there is no catalogue.
    """
    catalog = await active_catalog(conn, at)
    return rules.configure(catalog, model, color, options, at)


_parsed: dict[tuple[str, str], Catalog] = {}
