"""Scripts travel without what only people read, and stay the same scripts."""

from pathlib import Path

import pytest

from checkout.pages.scripts import lean
from tests.service import Service

STATIC = Path(__file__).parent.parent / "static"
SCRIPTS = sorted(path.name for path in STATIC.glob("*.js"))


def test_comments_with_lines_of_their_own_stay_here() -> None:
    script = "/**\n * Why.\n */\nconst a = 1; // as it is\n\n  // Told.\n  if (a) {\n    b();\n  }\n"
    assert lean(script) == "const a = 1; // as it is\nif (a) {\nb();\n}\n"


def test_texts_that_look_like_comments_stay() -> None:
    script = "const url = 'https://a.example/**/b'; const c = `//d`;\n"
    assert lean(script) == script


@pytest.mark.parametrize("name", SCRIPTS)
async def test_script_is_served_lean_and_asked_for_by_etag(service: Service, name: str) -> None:
    served = await service.client.get(f"/static/{name}")
    assert served.text == lean((STATIC / name).read_text())
    assert served.headers["content-type"].startswith("text/javascript")
    again = await service.client.get(f"/static/{name}", headers={"If-None-Match": served.headers["etag"]})
    assert again.status_code == 304
