"""What the plant's and the catalogue's codes are called, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mes.catalog import service as catalog_service
from mes.catalog.service import NoCatalogInForce
from mes.contracts.plant import PlantModel
from mes.contracts.quality import defect_name
from mes.contracts.text import Text
from mes.platform.db import ReadConn
from mes.web.translations import Language


@dataclass(frozen=True)
class PlantNames:
    """Names of lines, stations, stores, shops, bays and cameras by code; a code without a name stays."""

    language: Language
    by_code: Mapping[str, Text]

    @classmethod
    def of(cls, plant: PlantModel, language: Language) -> PlantNames:
        """Collect the names of a plant."""
        names: dict[str, Text] = {}
        for shop in plant.shops:
            names[shop.id] = shop.name
        for store in plant.stores:
            names[store.id] = store.name
        for panel in plant.panels:
            names[panel.code] = panel.name
        for line in plant.lines:
            for station in line.stations:
                names[station.id] = station.name
                if station.camera:
                    names[station.camera.id] = station.camera.name
            if line.repair_bay:
                names[line.repair_bay.id] = line.repair_bay.name
        names.update({line.id: line.name for line in plant.lines})
        return cls(language, names)

    def __call__(self, code: str | None) -> str:
        """Return what a code is called; empty for none."""
        if not code:
            return ""
        found = self.by_code.get(code)
        return found.in_language(self.language) if found else code

    def defect(self, kind: str | None) -> str:
        """Return what a kind of defect is called; empty for none."""
        if not kind:
            return ""
        return defect_name(kind).in_language(self.language)


@dataclass(frozen=True)
class CatalogNames:
    """Names of models, colours and options by code, and the colours' paint."""

    language: Language
    models: Mapping[str, Text]
    colors: Mapping[str, tuple[Text, str]]
    options: Mapping[str, Text]

    def _named(self, text: Text | None, code: str) -> str:
        return text.in_language(self.language) if text else code

    def model(self, code: str | None) -> str:
        """Return the name of a model."""
        return self._named(self.models.get(code or ""), code or "")

    def color(self, code: str | None) -> str:
        """Return the name of a colour."""
        found = self.colors.get(code or "")
        return self._named(found[0] if found else None, code or "")

    def hex(self, code: str | None) -> str:
        """Return how a colour looks; grey for one that the catalogue does not know."""
        found = self.colors.get(code or "")
        return found[1] if found else "#8a949e"

    def option(self, code: str) -> str:
        """Return the name of an option."""
        return self._named(self.options.get(code), code)


async def catalog_names(conn: ReadConn, language: Language, now: datetime) -> CatalogNames:
    """Return the names of the catalogue in force; without one, codes stay codes."""
    try:
        catalog = await catalog_service.active_catalog(conn, now)
    except NoCatalogInForce:
        return CatalogNames(language, {}, {}, {})
    return CatalogNames(
        language,
        {model.code: model.name for model in catalog.models},
        {color.code: (color.name, color.hex) for color in catalog.colors},
        {option.code: option.name for option in catalog.options},
    )
