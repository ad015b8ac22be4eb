"""The doors of planning: plan versions, the board, promises and quotes."""

from __future__ import annotations

from mes.planning.board import Board as Board
from mes.planning.board import Helps as Helps
from mes.planning.board import Why as Why
from mes.planning.board import board as board
from mes.planning.board import difference as difference
from mes.planning.board import operations_of as operations_of
from mes.planning.board import what_helps as what_helps
from mes.planning.board import why as why
from mes.planning.books import keep_ready as keep_ready
from mes.planning.books import warm_up as warm_up
from mes.planning.calibration import calibration as calibration
from mes.planning.capacity_repository import broken_ledger as broken_ledger
from mes.planning.capacity_repository import shifts_ahead as shifts_ahead
from mes.planning.opening import first_plan as first_plan
from mes.planning.promising import promise_order as promise_order
from mes.planning.quoting import Offer as Offer
from mes.planning.quoting import Wish as Wish
from mes.planning.quoting import cancel_quote as cancel_quote
from mes.planning.quoting import confirm_quote as confirm_quote
from mes.planning.quoting import expire_quotes as expire_quotes
from mes.planning.quoting import get_quote as get_quote
from mes.planning.quoting import hold_quote as hold_quote
from mes.planning.quoting import inquire as inquire
from mes.planning.repairs import repair as repair
from mes.planning.repository import next_on_line as next_on_line
from mes.planning.repository import on_line as on_line
from mes.planning.repository import operations_of_order as operations_of_order
from mes.planning.solving import cancel_solve as cancel_solve
from mes.planning.solving import request_solve as request_solve
from mes.planning.versions import find_published as find_published
from mes.planning.versions import frozen_zone as frozen_zone
from mes.planning.versions import lock_near_orders as lock_near_orders
from mes.planning.versions import network as network
from mes.planning.versions import newest_problem as newest_problem
from mes.planning.versions import plan as plan
from mes.planning.versions import plans as plans
from mes.planning.versions import publish as publish
from mes.planning.versions import published as published
