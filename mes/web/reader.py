"""Who reads a page: the dependency every page takes, made for the roles that may see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from mes.identity.access import MaybeSession, NotSignedIn, RoleMissing
from mes.identity.model import Role
from mes.platform.http import ContextDep, Language
from mes.resources import service as resources
from mes.web import translations
from mes.web.formats import Formats
from mes.web.shell import Shell


async def open_page(
    request: Request, context: ContextDep, session: MaybeSession, language: Language
) -> Shell:
    """Return the frame of a page that anybody may see."""
    async with context.database.read() as conn:
        plant = await resources.active_plant(conn)
    now = context.clock.now()
    chosen: translations.Language = "zh" if language == "zh" else "en"
    return Shell(
        request=request,
        language=chosen,
        user=session.user if session else None,
        csrf=session.csrf_token if session else "",
        plant=plant,
        now=now,
        factor=context.clock.factor,
        f=Formats(language=chosen, zone=ZoneInfo(plant.site.time_zone), now=now),
    )


OpenPage = Annotated[Shell, Depends(open_page)]


def page_for(*roles: Role | str) -> Callable[[OpenPage], Awaitable[Shell]]:
    """Make a dependency that gives the frame to who has one of the roles; without roles, to who is signed in."""
    wanted = tuple(Role(role) for role in roles)

    async def shell(page: OpenPage) -> Shell:
        if page.user is None:
            raise NotSignedIn
        if wanted and not page.may(*wanted):
            raise RoleMissing(needed=", ".join(wanted), user=page.user.name)
        return page

    return shell
