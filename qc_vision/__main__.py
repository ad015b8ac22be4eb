"""``python -m qc_vision``: train, predict, evaluate, render, bench, train-shipped."""

from __future__ import annotations

import io
import os
import signal
import sys

os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # before it is loaded: the command says it

from qc_vision.cli import main

signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `… | head` ends it without a word
if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors="backslashreplace")  # names of another encoding, as JSON has them
sys.exit(main())
