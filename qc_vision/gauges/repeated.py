"""Repeated measurements of parts by a gauge, as the CSV that a gage R&R study takes."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from qc_vision.evaluate import image_paths
from qc_vision.gauges.station import Station, read_file


def study_lines(folder: Path, station: Station, gauge: str) -> Iterator[str]:
    """Yield the header and one line `part,appraiser,trial,value` an image.

    Images lie in ``folder/<part>/`` (one appraiser, the camera) or in ``folder/<part>/<appraiser>/``; in the
    order of their names they are the trials.

    Raises:
        ValueError: no gauge of this name, an image elsewhere, or one that gives no value: a study needs all.
    """
    if gauge not in {one.name for one in station.gauges}:
        known = ", ".join(one.name for one in station.gauges)
        raise ValueError(f"the settings have no gauge {gauge!r}; there is {known}")
    trials: Counter[tuple[str, str]] = Counter()
    yield "part,appraiser,trial,value"
    for path in image_paths(folder):
        place = path.relative_to(folder).parts[:-1]
        if not 1 <= len(place) <= 2:
            raise ValueError(f"{path} lies neither in <part>/ nor in <part>/<appraiser>/")
        part, appraiser = (*place, "camera")[:2]
        reading = next(one for one in read_file(path, station) if one.gauge == gauge)
        if reading.value is None:
            raise ValueError(
                f"{path} gives no value: {reading.reason or 'this gauge reads a text'}"
            )
        trials[part, appraiser] += 1
        yield _line(part, appraiser, trials[part, appraiser], reading.value)


def _line(*cells: object) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
