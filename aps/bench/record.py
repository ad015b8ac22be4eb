"""The results of the benchmark, one JSON object a line, so that a run goes on where one stopped."""

import hashlib
import json
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

_SOURCES = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One instance, measured. `sources` is a digest of the library's code: the same code resumes."""

    commit: str
    sources: str
    family: str
    instance: str
    limit_s: float
    workers: int
    seed: int
    clock: str
    status: str
    value: int
    bound: int | None
    seconds: float
    cpu_s: float
    goal: str
    best: int | None
    peer: str
    peer_value: int | None

    @property
    def key(self) -> tuple[str, str, str, float, int, int, str, bool]:
        """What makes two runs the same measurement."""
        return (
            self.sources, self.family, self.instance, self.limit_s, self.workers, self.seed,
            self.clock, self.peer != "",
        )  # fmt: skip

    @property
    def gap(self) -> float | None:
        """How far above the best known, as a part of it."""
        return None if not self.best else self.value / self.best - 1


def sources_digest() -> str:
    """Return a digest of the library's own source."""
    digest = hashlib.sha256()
    for path in sorted(_SOURCES.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def commit_of_sources() -> str:
    """Return the short commit, with "+" where the library is changed; "unknown" without git."""
    git = shutil.which("git")
    if git is None:
        return "unknown"

    def ask(*words: str) -> str:
        done = subprocess.run(  # noqa: S603
            [git, *words], cwd=_SOURCES, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = ask("rev-parse", "--short", "HEAD")
    return (commit + ("+" if ask("status", "--porcelain", ".") else "")) or "unknown"


def kept_results(path: Path) -> dict[tuple[object, ...], Result]:
    """Return what earlier runs left; a line cut short by a kill is passed over."""
    found: dict[tuple[object, ...], Result] = {}
    if not path.is_file():
        return found
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            result = Result(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[result.key] = result
    return found


def keep(path: Path, result: Result) -> None:
    """Append a result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result)) + "\n")
