"""What the page needs beyond the end points that other programs use."""

from __future__ import annotations

from starlette.routing import BaseRoute

from handspun.app import drawings, inside, live, options, runs, stepping, teaching

routes: list[BaseRoute] = [
    route for part in (live, inside, stepping, runs, teaching, options, drawings) for route in part.routes
]
