"""The look of the pages: what a brand may choose, what follows from it, and that it can be read."""

import itertools
import re
from colorsys import rgb_to_hls

import pytest

from checkout.errors import SettingsFault
from checkout.pages.branding import brand_of, write_theme
from checkout.settings import Theme
from checkout.settings.themes import contrast
from tests.service import Service, make_settings, running_service

TEXTS = ("text", "muted", "link", "danger", "success", "warning")
GROUNDS = ("background", "surface")


def assert_readable(theme: Theme) -> None:
    for colours in (theme.light_colours, theme.dark_colours):
        for ink, ground in itertools.product(TEXTS, GROUNDS):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        assert contrast(colours["on_primary"], colours["primary"]) >= 4.5
        assert all(contrast(colours["border"], colours[ground]) >= 3 for ground in GROUNDS)


@pytest.mark.parametrize(("a", "b", "value"), [("#000000", "#ffffff", 21), ("#777777", "#ffffff", 4.48)])
def test_contrast_is_that_of_wcag(a: str, b: str, value: float) -> None:
    assert contrast(a, b) == contrast(b, a) == pytest.approx(value, abs=0.005)


def test_default_theme_is_readable() -> None:
    assert_readable(Theme())


@pytest.mark.parametrize("primary", ["#ffffff", "#000000", "#ffd400", "#808080", "#e00", "#0B5A63", "#12181b"])
def test_any_primary_colour_is_readable(primary: str) -> None:
    theme = make_settings(theme=f'{{"primary": "{primary}"}}').theme
    assert_readable(theme)
    assert theme.light_colours["primary"] == theme.dark_colours["primary"]


@pytest.mark.parametrize("ground", ["#ffffff", "#000", "#777777", "#fdf6e3", "#202060", "#c0392b"])
def test_any_background_gets_words_that_are_readable(ground: str) -> None:
    assert_readable(make_settings(theme=f'{{"background": "{ground}", "dark": {{"background": "{ground}"}}}}').theme)


@pytest.mark.parametrize("primary", ["#0b5a63", "#1f5a40", "#aa0000"])
def test_link_on_dark_keeps_the_hue_of_the_brand(primary: str) -> None:
    theme = make_settings(theme=f'{{"primary": "{primary}"}}').theme
    link, own = (hls_of(colour) for colour in (theme.dark_colours["link"], primary))
    assert link != own
    assert (link[0] - own[0] + 0.5) % 1 == pytest.approx(0.5, abs=0.02)
    assert link[2] == pytest.approx(own[2], abs=0.05)


def hls_of(colour: str) -> tuple[float, float, float]:
    return rgb_to_hls(*(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)))


def test_chosen_colour_is_never_changed() -> None:
    colours = make_settings(theme='{"primary": "#abc", "muted": "#333"}').theme.light_colours
    assert (colours["primary"], colours["muted"]) == ("#aabbcc", "#333333")


@pytest.mark.parametrize(
    ("theme", "line"),
    [
        (
            '{"text": "#ccc"}',
            "CHECKOUT_THEME: text #cccccc on background #ffffff has a contrast of 1.61, and needs 4.5",
        ),
        ('{"primary": "#777", "on_primary": "#fff"}', "on_primary #ffffff on primary #777777 has a contrast of 4.48"),
        ('{"border": "#eee"}', "border #eeeeee on background #ffffff has a contrast of 1.16, and needs 3.0"),
        ('{"dark": {"muted": "#333"}}', "dark.muted #333333 on dark.background #12181b"),
        ('{"primary": "red"}', "CHECKOUT_THEME[primary] must be a colour such as #0b5a63"),
        ('{"primary": 7}', "CHECKOUT_THEME[primary] must be a colour such as #0b5a63"),
        ('{"dark": {"text": "#12"}}', "CHECKOUT_THEME[dark][text] must be a colour such as #0b5a63"),
        ('{"radius": "8pt"}', "CHECKOUT_THEME[radius] must be a length such as 8px or 0.5rem"),
        ('{"font": "x; } body { display: none"}', "CHECKOUT_THEME[font] must be a list of font names"),
        ('{"font": "url(https://evil.example)"}', "CHECKOUT_THEME[font] must be a list of font names"),
        ('{"shadow": "none"}', "CHECKOUT_THEME[shadow]"),
        ('["#fff"]', 'CHECKOUT_THEME must be an object such as {"primary": "#0b5a63"}'),
        ("{", "CHECKOUT_THEME: not JSON"),
    ],
)
def test_unfit_theme_is_refused_at_the_start(theme: str, line: str) -> None:
    with pytest.raises(SettingsFault, match=re.escape(line)):
        make_settings(theme=theme)


def test_css_declares_every_colour_twice_dark() -> None:
    css = write_theme(make_settings(theme='{"radius": "2px", "font": "Georgia, serif"}').theme).decode()
    for name in Theme().light_colours:
        assert css.count(f"  --{name.replace('_', '-')}: #") == 3
    assert "--radius: 2px;" in css
    assert "--font: Georgia, serif;" in css


async def test_css_is_kept_and_asked_for_again(service: Service) -> None:
    first = await service.client.get("/theme.css")
    assert first.headers["Content-Type"].startswith("text/css")
    again = await service.client.get("/theme.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_other_theme_has_another_etag(service: Service) -> None:
    first = await service.client.get("/theme.css")
    async with running_service(theme='{"primary": "#7a1f3d"}') as other:
        second = await other.client.get("/theme.css", headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 200
    assert "--primary: #7a1f3d" in second.text


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("", "auto"),
        ("appearance=dark", "dark"),
        ("appearance=light&ec_color_scheme=dark", "dark"),
        ("appearance=x", "auto"),
    ],
)
async def test_page_takes_the_light_that_it_is_asked_for(asked: str, shown: str, service: Service) -> None:
    page = await service.client.get(f"/checkout?{asked}")
    assert f'data-theme="{shown}"' in page.text


# The brand


def test_brand_without_a_name_shows_its_short_one() -> None:
    assert brand_of(make_settings(brand="ridge-line")).name == "Ridge Line"
    assert brand_of(make_settings(brand="rl", brand_name="Ridgeline & Sons")).name == "Ridgeline & Sons"


async def test_brand_links_stand_on_the_page() -> None:
    links = {
        "terms_url": "https://brand.example/terms?a=1&b=2",
        "privacy_url": "https://brand.example/privacy",
        "support_url": "mailto:help@brand.example",
    }
    async with running_service(None, None, logo="https://cdn.example/logo.svg", brand_name="A<B", **links) as service:
        page = await service.client.get("/checkout?items=068648100001:1")
    for address in ("https://brand.example/terms?a=1&amp;b=2", links["privacy_url"], links["support_url"]):
        assert f'href="{address}"' in page.text
    assert '<img class="logo" src="https://cdn.example/logo.svg" alt="A&lt;B"' in page.text
    assert "https://cdn.example" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "unfit",
    ["javascript:alert(1)", "www.example.com", "https://a.example/<x>", "https://a@b.example/", "data:text/html,x"],
)
@pytest.mark.parametrize("name", ["terms_url", "privacy_url", "support_url", "logo", "stripe_js_url"])
def test_links_are_addresses_of_pages(name: str, unfit: str) -> None:
    with pytest.raises(SettingsFault, match=f"CHECKOUT_{name.upper()} must be an address"):
        make_settings(**{name: unfit})


@pytest.mark.parametrize("languages", ["de", "en,xx", ","])
def test_unknown_languages_are_refused(languages: str) -> None:
    with pytest.raises(SettingsFault, match="CHECKOUT_LANGUAGES must be a list of en, fr, es"):
        make_settings(languages=languages)
