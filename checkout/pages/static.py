"""Stylesheets and pictures."""

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from checkout.pages.rendering import find_folder


class Static(StaticFiles):
    """The `static` folder. Browsers may keep a file for five minutes, then ask by ETag whether it has changed."""

    def __init__(self) -> None:
        super().__init__(directory=find_folder("static"))

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=300, stale-while-revalidate=86400"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
