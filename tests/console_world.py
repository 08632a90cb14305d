"""A browser in the console, as far as its requests and the pages it is given go."""

from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import httpx

from tests.markup import Element, Markup
from tests.service import SECRET_KEY, SERVICE_URL, Service

COOKIE = "console-80"


async def make_link(service: Service) -> str:
    """The path of a fresh link."""
    answer = await service.call("POST", "/v1/console-links", with_=SECRET_KEY)
    assert answer.status_code == 201, answer.text
    return str(urlsplit(answer.json()["url"]).path)


@dataclass
class Form:
    """A form of a page, with what stands in its fields."""

    method: str
    path: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Visitor:
    """Reads pages and sends their forms. Cookies are kept by hand, so that tests may bend them."""

    service: Service
    token: str = ""
    origin: str | None = SERVICE_URL

    async def enter(self, link: str | None = None) -> "Visitor":
        answer = await self.post(link or await make_link(self.service))
        assert (answer.status_code, answer.headers["location"]) == (303, "/console"), answer.text
        name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
        assert name == COOKIE
        self.token = value
        return self

    async def get(self, path: str) -> httpx.Response:
        return await self._send("GET", path)

    async def page(self, path: str, status: int = 200) -> Markup:
        answer = await self.get(path)
        assert answer.status_code == status, answer.text
        return Markup(answer.text)

    async def post(self, path: str, fields: dict[str, str] | None = None) -> httpx.Response:
        return await self._send("POST", path, urlencode(fields or {}))

    async def submit(self, page: Markup, path: str, **fields: str) -> httpx.Response:
        """Send the page's form for a path with these fields on top; an underscore stands for a dot in names."""
        form = form_of(page, path)
        assert form.method == "post"
        return await self.post(
            path, {**form.fields, **{name.replace("__", "."): text for name, text in fields.items()}}
        )

    async def _send(self, method: str, path: str, content: str = "") -> httpx.Response:
        headers = {"Cookie": f"{COOKIE}={self.token}"} if self.token else {}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers |= {"Origin": self.origin} if self.origin is not None else {}
        return await self.service.client.request(method, path, content=content, headers=headers)


def form_of(page: Markup, path: str) -> Form:
    """The form of a page that is sent to a path, with its hidden fields."""
    found: Form | None = None
    for element in page.elements:
        if element.tag == "form":
            is_it = element.attributes.get("action") == path
            if found is not None:
                break
            found = Form(element.attributes["method"], path) if is_it else None
        elif element.tag == "input" and found is not None and element.attributes.get("type") == "hidden":
            found.fields[element.attributes["name"]] = element.attributes["value"]
    assert found is not None, f"no form is sent to {path}"
    return found


def forms_of(page: Markup) -> list[str]:
    return [form.attributes.get("action", "") for form in page.all("form")]


def links_of(page: Markup) -> list[str]:
    return [link.attributes["href"] for link in page.all("a")]


def words_of(page: Markup) -> str:
    main: Element = page.one("main")
    return main.text
