"""What the page needs beyond the end points that other programs use."""

from __future__ import annotations

from starlette.routing import BaseRoute

from handspun.app import inside, live

routes: list[BaseRoute] = [*live.routes, *inside.routes]
