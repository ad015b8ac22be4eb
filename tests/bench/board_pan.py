"""How smoothly the plan board pans: `python -m tests.bench.board_pan [bars …]`.

Headless Chromium without GPU, 1440×900. Each frame moves the view by some pixels and paints; what is
printed is the time of one pan step with its paint, and the time between animation frames.
"""

from __future__ import annotations

import asyncio
import sys

from tests.support.browser import chromium, served
from tests.support.sample_board import sample_app

_PAN = """async ([hours, steps]) => {
  const board = document.querySelector("mes-gantt");
  if (hours) board.show(board.board.now - hours * 1800, board.board.now + hours * 1800);
  else board.fit();
  const paint = [], frames = [];
  let before = 0;
  await new Promise((done) => {
    let n = 0;
    const frame = (at) => {
      if (before) frames.push(at - before);
      before = at;
      const begun = performance.now();
      board.view.from += (n % 80 < 40 ? 23 : -23) * board.view.perPx;
      board.paintNow();
      board.context.getImageData(0, 0, 1, 1);
      paint.push(performance.now() - begun);
      if (++n < steps) requestAnimationFrame(frame); else done();
    };
    requestAnimationFrame(frame);
  });
  const at = (list, share) => list.sort((a, b) => a - b)[Math.floor(share * (list.length - 1))];
  return {
    paint50: at(paint, 0.5), paint95: at(paint, 0.95), frame50: at(frames, 0.5), frame95: at(frames, 0.95),
  };
}"""


async def measure(bars: int) -> list[tuple[str, dict[str, float]]]:
    """Pan a board of `bars` bars at three zooms."""
    out = []
    async with served(sample_app()) as address, chromium() as browser:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(f"{address}/?bars={bars}")
        await page.wait_for_selector("mes-gantt[data-bars]")
        for name, hours in (("2 h in view", 2), ("8 h in view", 8), ("all in view", 0)):
            out.append((name, await page.evaluate(_PAN, [hours, 240])))
    return out


async def main() -> None:
    """Print p50 and p95 for each size."""
    for bars in [int(text) for text in sys.argv[1:]] or [10_000, 20_000]:
        for name, m in await measure(bars):
            print(
                f"{bars:>6} bars, {name:<12} paint p50 {m['paint50']:5.1f} p95 {m['paint95']:5.1f} ms"
                f" · frame p50 {m['frame50']:5.1f} p95 {m['frame95']:5.1f} ms"
            )


if __name__ == "__main__":
    asyncio.run(main())
