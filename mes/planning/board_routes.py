"""Doors of the plan board's hand: try moves while a bar is dragged, publish them with a note."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import to_json

from mes.identity.access import require
from mes.identity.model import Role, User
from mes.planning import board_moves, board_words
from mes.planning.bridge import HandMove
from mes.planning.schemas import PlanOut
from mes.platform.http import ClockDep, ReadDb, WriteDb
from mes.web.names import catalog_names
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter(prefix="/api/plan/board", tags=["planning"])

Planner = Annotated[User, Depends(require(Role.PLANNER))]
PlanPage = Annotated[Shell, Depends(page_for(Role.PLANNER))]
CarId = Annotated[str, Field(min_length=1, max_length=80)]
MAX_MOVES = 200


class MoveIn(BaseModel):
    """A car put in front of another one on a line; `before` null: at the end.

    On a press `car` and `before` are die lots; in welding and pressing `at` names the line, and the bar does not
    start before `not_before` (null: as soon as it can).
    """

    model_config = ConfigDict(extra="forbid")

    car: CarId
    line: Literal["assembly", "paint", "weld", "press"]
    before: CarId | None = None
    at: Annotated[str, Field(max_length=80)] = ""
    not_before: AwareDatetime | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.line in ("weld", "press") and not self.at:
            raise ValueError("name the weld line or the press in `at`")
        if self.line in ("assembly", "paint") and self.not_before is not None:
            raise ValueError(
                "on the assembly line and in paint a place is a time: name `before` alone"
            )
        return self

    def move(self) -> HandMove:
        """Return it as planning knows it."""
        return HandMove(self.car, self.line, self.before, self.at, self.not_before)


class MovesIn(BaseModel):
    """All moves since the plan in force, in order."""

    model_config = ConfigDict(extra="forbid")

    moves: Annotated[list[MoveIn], Field(max_length=MAX_MOVES)]


class MovesToPublish(BaseModel):
    """Moves, and why they are made."""

    model_config = ConfigDict(extra="forbid")

    moves: Annotated[list[MoveIn], Field(min_length=1, max_length=MAX_MOVES)]
    note: Annotated[str, Field(min_length=1, max_length=500)]


@router.post("/tries", response_model=None)
async def try_moves(
    body: MovesIn, _: Planner, shell: PlanPage, conn: ReadDb, clock: ClockDep
) -> Response:
    """Say what would come of these moves: new times, conflicts, cars that become late. Nothing changes."""
    moves = [one.move() for one in body.moves]
    plan, tried = await board_moves.try_moves(conn, moves, now=clock.now())
    catalog = await catalog_names(conn, shell.language, shell.now)
    # Thousands of bars: written as they are, without a look at each by the framework.
    answer = board_words.answer(plan, tried, shell.f, shell.names, catalog)
    return Response(to_json(answer), media_type="application/json")


@router.post("/moves")
async def publish_moves(
    body: MovesToPublish, planner: Planner, conn: WriteDb, clock: ClockDep
) -> PlanOut:
    """Publish the plan in force with these moves in it."""
    plan = await board_moves.publish_moves(
        conn,
        [one.move() for one in body.moves],
        note=body.note,
        by=planner.actor,
        now=clock.now(),
    )
    return PlanOut.of(plan)
