"""Scripts, stylesheets and pictures."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from checkout.pages.scripts import lean
from checkout.wording.templates import find_folder


class Static(StaticFiles):
    """The `static` folder. Browsers may keep a file for five minutes, then ask by ETag whether it has changed."""

    def __init__(self) -> None:
        super().__init__(directory=find_folder("static"))

    def file_response(self, full_path: Any, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(full_path, *args, **kwargs)
        if isinstance(response, FileResponse) and str(full_path).endswith(".js"):
            response = _script_response(response)
        response.headers["Cache-Control"] = "public, max-age=300, stale-while-revalidate=86400"
        response.headers["X-Content-Type-Options"] = "nosniff"
        # The loader, the client and their types are for the brand's pages; nothing here is a secret.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if str(full_path).endswith(".ts"):
            response.headers["Content-Type"] = "text/plain; charset=utf-8"  # Guessed, it would be a film.
        return response


def _script_response(found: FileResponse) -> Response:
    """The file as it travels. Its ETag is that of the file it was made from."""
    same = {name: found.headers[name] for name in ("etag", "last-modified")}
    return Response(_lean_file(Path(found.path), found.headers["etag"]), headers=same, media_type="text/javascript")


@lru_cache(maxsize=32)
def _lean_file(path: Path, _etag: str) -> str:
    return lean(path.read_text())
