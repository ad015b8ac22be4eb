"""``python -m qc_vision``: train, predict, evaluate, render, bench, train-shipped."""

from __future__ import annotations

import sys

from qc_vision.cli import main

sys.exit(main())
