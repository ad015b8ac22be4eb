"""Refresh the vendored browser assets from npm: `python -m mes.web.vendor`.

Nothing is loaded from a CDN: plants are offline. `static/vendor/manifest.json` names each asset with its
version, licence and SHA-256; a test compares the files with it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path
from typing import TypedDict

import httpx

VENDOR = Path(__file__).parent / "static" / "vendor"
MANIFEST = VENDOR / "manifest.json"
REGISTRY = "https://registry.npmjs.org"

HTMX = ("htmx.org", "2.0.11")
LUCIDE = ("lucide-static", "1.62.0")

ICONS = [
    "arrow-left",
    "arrow-right",
    "ban",
    "bell",
    "boxes",
    "calendar-range",
    "camera",
    "car",
    "chart-line",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "circle-alert",
    "circle-check",
    "circle-dot",
    "circle-help",
    "circle-pause",
    "circle-play",
    "circle-slash",
    "circle-x",
    "clock",
    "copy",
    "cpu",
    "download",
    "external-link",
    "eye",
    "factory",
    "flag",
    "gauge",
    "git-branch",
    "hammer",
    "hand",
    "history",
    "hourglass",
    "image",
    "info",
    "keyboard",
    "layers",
    "layout-grid",
    "link",
    "list",
    "locate-fixed",
    "lock",
    "lock-open",
    "log-out",
    "map",
    "megaphone",
    "menu",
    "minus",
    "monitor",
    "octagon-alert",
    "octagon-pause",
    "octagon-x",
    "package",
    "paintbrush",
    "pause",
    "play",
    "plus",
    "redo-2",
    "refresh-cw",
    "scan-eye",
    "search",
    "server",
    "settings",
    "shield-check",
    "sparkles",
    "square",
    "sun-moon",
    "trash-2",
    "triangle-alert",
    "truck",
    "undo-2",
    "unlink",
    "upload",
    "users",
    "wrench",
    "x",
    "zoom-in",
    "zoom-out",
]


class Asset(TypedDict):
    """One vendored file and where it came from."""

    package: str
    version: str
    licence: str
    source: str
    sha256: str


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def manifest() -> dict[str, Asset]:
    """Return what the manifest says, by path below `static/vendor`."""
    stored: dict[str, Asset] = json.loads(MANIFEST.read_text())
    return stored


def refresh() -> None:
    """Fetch the pinned packages, write the files we use and the manifest."""
    htmx, lucide = _package(*HTMX), _package(*LUCIDE)
    written = {
        "htmx/htmx.min.js": (HTMX, "0BSD", htmx["package/dist/htmx.min.js"]),
        "htmx/LICENSE": (HTMX, "0BSD", htmx["package/LICENSE"]),
        "lucide/icons.svg": (LUCIDE, "ISC", _sprite(lucide)),
        "lucide/LICENSE": (LUCIDE, "ISC", lucide["package/LICENSE"]),
    }
    assets: dict[str, Asset] = {}
    for path, ((package, version), licence, content) in written.items():
        target = VENDOR / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        assets[path] = Asset(
            package=package,
            version=version,
            licence=licence,
            source=_address(package, version),
            sha256=sha256(target),
        )
    MANIFEST.write_text(json.dumps(assets, indent=2) + "\n")


def _address(package: str, version: str) -> str:
    return f"{REGISTRY}/{package}/-/{package}-{version}.tgz"


def _package(package: str, version: str) -> dict[str, bytes]:
    answer = httpx.get(_address(package, version), timeout=60, follow_redirects=True)
    answer.raise_for_status()
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        return {
            member.name: stream.read()
            for member in archive.getmembers()
            if (stream := archive.extractfile(member)) is not None
        }


def _sprite(files: dict[str, bytes]) -> bytes:
    """Join the icons we use into one sheet of `<symbol>`s, drawn with the current colour."""
    symbols = []
    for name in ICONS:
        text = files[f"package/icons/{name}.svg"].decode()
        drawing = re.sub(r"\s+", " ", text[text.index(">", text.index("<svg")) + 1 :])
        drawing = drawing.replace("</svg>", "").replace(" />", "/>").strip()
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
            f'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{drawing}</symbol>'
        )
    head = '<svg xmlns="http://www.w3.org/2000/svg">\n'
    return (head + "\n".join(symbols) + "\n</svg>\n").encode()


if __name__ == "__main__":
    refresh()
