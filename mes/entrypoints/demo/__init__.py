"""`c2m demo`: the whole plant on one machine, every part a process of its own under one supervisor."""

from __future__ import annotations

from mes.entrypoints.demo.run import run_demo

__all__ = ["run_demo"]
