"""Between the plant and the planning library: the only package that knows both.

Plant time in, whole seconds from the snapshot inside, plant time out.
"""

from __future__ import annotations

from aps.warm import warm_up as warm_up
from mes.planning.bridge.asking import Answer as Answer
from mes.planning.bridge.asking import Book as Book
from mes.planning.bridge.asking import Help as Help
from mes.planning.bridge.asking import answer as answer
from mes.planning.bridge.asking import follow as follow
from mes.planning.bridge.asking import order_of_work as order_of_work
from mes.planning.bridge.asking import too_late as too_late
from mes.planning.bridge.asking import what_helps as what_helps
from mes.planning.bridge.asking import why_late as why_late
from mes.planning.bridge.asking import with_place_of as with_place_of
from mes.planning.bridge.hand import Board as Board
from mes.planning.bridge.hand import Conflict as Conflict
from mes.planning.bridge.hand import Tried as Tried
from mes.planning.bridge.hand import follow_by_hand as follow_by_hand
from mes.planning.bridge.lanes import lanes_in as lanes_in
from mes.planning.bridge.packing import Broken as Broken
from mes.planning.bridge.packing import figures as figures
from mes.planning.bridge.packing import left_out as left_out
from mes.planning.bridge.packing import pack_problem as pack_problem
from mes.planning.bridge.packing import pack_schedule as pack_schedule
from mes.planning.bridge.packing import text_of as text_of
from mes.planning.bridge.packing import unpack_problem as unpack_problem
from mes.planning.bridge.packing import unpack_schedule as unpack_schedule
from mes.planning.bridge.parking import HandMove as HandMove
from mes.planning.bridge.parking import parked as parked
from mes.planning.bridge.parking import put_by_hand as put_by_hand
from mes.planning.bridge.problem import Schedule as Schedule
from mes.planning.bridge.problem import Snapshot as Snapshot
from mes.planning.bridge.problem import reread as reread
from mes.planning.bridge.problem import snapshot as snapshot
from mes.planning.bridge.problem import with_locks as with_locks
from mes.planning.bridge.rows import moved_in_time as moved_in_time
from mes.planning.bridge.rows import operations as operations
from mes.planning.bridge.solves import CURVE as CURVE
from mes.planning.bridge.solves import FolderLink as FolderLink
from mes.planning.bridge.solves import Solved as Solved
from mes.planning.bridge.solves import Told as Told
from mes.planning.bridge.solves import solve_linked as solve_linked
from mes.planning.bridge.solves import solve_packed as solve_packed
from mes.planning.bridge.weighing import weigh as weigh
