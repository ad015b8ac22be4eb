"""asyncua as it behaves: it takes plain integers, strings and datetimes where its annotations name own classes.

Its data types of companion models are made at run time, so no annotation could name them either.
"""

from __future__ import annotations

import importlib
from typing import Any

from asyncua.common.instantiate_util import instantiate
from asyncua.common.node import Node
from asyncua.server.server import Server

ua: Any = importlib.import_module("asyncua.ua")

__all__ = ["Node", "Server", "instantiate", "ua"]
