"""The look of the brand's pages: colours for light and dark, held to a contrast that everybody can read."""

import re
from colorsys import hls_to_rgb, rgb_to_hls
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_settings import NoDecode

from checkout.settings.forms import from_json

READABLE = 4.5  # WCAG 2.2, 1.4.3: text against its ground.
_AT_EASE = 10.0  # For whole pages of text, where the colour is ours to choose.
VISIBLE = 3.0  # WCAG 2.2, 1.4.11: the edge of a control against its ground.

_LIGHT = {
    "primary": "#0b5a63",
    "background": "#ffffff",
    "surface": "#f2f5f6",
    "text": "#1a2226",
    "muted": "#4d5a61",
    "line": "#cbd4d8",
    "border": "#74828a",
    "danger": "#9c2525",
    "success": "#1b6b36",
    "warning": "#7a4a00",
}
_DARK = {
    "background": "#12181b",
    "surface": "#1d262a",
    "text": "#e8edef",
    "muted": "#a9b6bc",
    "line": "#3a474d",
    "border": "#84939a",
    "danger": "#f5a3a3",
    "success": "#86d69f",
    "warning": "#f0bd6a",
}
_GROUNDS = ("background", "surface")
# What has to stand out from both grounds, and how much.
_LEAST = {
    "muted": READABLE,
    "link": READABLE,
    "danger": READABLE,
    "success": READABLE,
    "warning": READABLE,
    "border": VISIBLE,
}
_COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_RADIUS = re.compile(r"0|\d{1,2}(?:\.\d{1,3})?(?:px|rem|em)")
_FONT_PART = re.compile(r"""[A-Za-z][A-Za-z0-9 -]{0,60}|-apple-system|"[A-Za-z0-9 -]{1,60}"|'[A-Za-z0-9 -]{1,60}'""")
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'


def _colour(value: object) -> object:
    """`#rgb` or `#rrggbb`, as `#rrggbb`."""
    if not isinstance(value, str):
        raise ValueError("must be a colour such as #0b5a63")  # noqa: TRY004  # A fault of the setting, like all others.
    text = value.strip().lower()
    if not _COLOUR.fullmatch(text):
        raise ValueError("must be a colour such as #0b5a63")
    return text if len(text) == 7 else "#" + "".join(digit * 2 for digit in text[1:])


def _radius(text: str) -> str:
    if not _RADIUS.fullmatch(text):
        raise ValueError("must be a length such as 8px or 0.5rem")
    return text


def _font(text: str) -> str:
    parts = [part.strip() for part in text.split(",")]
    if not all(_FONT_PART.fullmatch(part) for part in parts):
        raise ValueError('must be a list of font names such as Georgia, "Times New Roman", serif')
    return ", ".join(parts)


Colour = Annotated[str, BeforeValidator(_colour)]


class Palette(BaseModel):
    """The colours that a brand chose, for one kind of light; None are ours, or follow from the others."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    primary: Colour | None = None
    on_primary: Colour | None = None
    link: Colour | None = None
    background: Colour | None = None
    surface: Colour | None = None
    text: Colour | None = None
    muted: Colour | None = None
    line: Colour | None = None
    border: Colour | None = None
    danger: Colour | None = None
    success: Colour | None = None
    warning: Colour | None = None


class Theme(Palette):
    """CHECKOUT_THEME: the colours of light pages, those of dark ones under `dark`, corners and letters.

    What is not given is reckoned from what is; what is given is never changed, but refused where it cannot be read.
    """

    radius: Annotated[str, AfterValidator(_radius)] = "0.5rem"
    font: Annotated[str, AfterValidator(_font)] = _FONT
    dark: Palette = Palette()

    @property
    def light_colours(self) -> dict[str, str]:
        """Every colour of the light pages, by name."""
        return _complete(self, _LIGHT)

    @property
    def dark_colours(self) -> dict[str, str]:
        return _complete(self.dark, {"primary": self.light_colours["primary"], **_DARK})

    @model_validator(mode="after")
    def _readable(self) -> Self:
        faults = [*_unreadable(self.light_colours, ""), *_unreadable(self.dark_colours, "dark.")]
        if faults:
            raise ValueError("; ".join(faults))
        return self


def _complete(chosen: Palette, defaults: dict[str, str]) -> dict[str, str]:
    """The colours chosen, with what is missing reckoned from them."""
    given = {name: getattr(chosen, name) for name in Palette.model_fields if getattr(chosen, name)}
    own_ground = _on_ground(given["background"], given, defaults) if "background" in given else {}
    colours = {**defaults, **own_ground, **given}
    colours.setdefault("link", colours["primary"])
    grounds = tuple(colours[ground] for ground in _GROUNDS)
    for name in _LEAST.keys() - given.keys():
        colours[name] = _lit_like(colours[name], colours["text"], grounds, _LEAST[name])
    colours.setdefault("on_primary", _best_ink(colours["primary"]))
    return colours


def _on_ground(background: str, given: dict[str, str], defaults: dict[str, str]) -> dict[str, str]:
    """What goes with a background that is not ours."""
    text = given.get("text") or _drawn_to(defaults["text"], _best_ink(background), (background,), _AT_EASE)
    surfaces = (_mix(background, text, share / 100) for share in (5, 3, 1, 0))
    surface = next((each for each in surfaces if contrast(text, each) >= READABLE), background)
    return {"text": text, "surface": surface, "line": _mix(background, text, 0.2)}


def _best_ink(ground: str) -> str:
    return max("#ffffff", "#000000", key=lambda ink: contrast(ink, ground))


def _drawn_to(colour: str, text: str, grounds: tuple[str, ...], least: float) -> str:
    """The colour, mixed with that of the text as little as it takes to stand out from every ground."""
    for share in range(21):
        mixed = _mix(colour, text, share / 20)
        if all(contrast(mixed, ground) >= least for ground in grounds):
            return mixed
    return text


def _lit_like(colour: str, text: str, grounds: tuple[str, ...], least: float) -> str:
    """The colour, as light or dark as it takes to stand out from every ground; its hue stays."""
    if all(contrast(colour, ground) >= least for ground in grounds):
        return colour
    hue, light, strength = rgb_to_hls(*(value / 255 for value in _rgb(colour)))
    goal = rgb_to_hls(*(value / 255 for value in _rgb(text)))[1]
    for share in range(1, 21):
        lit = hls_to_rgb(hue, light + (goal - light) * share / 20, strength)
        made = "#" + "".join(f"{round(value * 255):02x}" for value in lit)
        if all(contrast(made, ground) >= least for ground in grounds):
            return made
    return text


def _mix(a: str, b: str, share: float) -> str:
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in zip(_rgb(a), _rgb(b), strict=True))


def _unreadable(colours: dict[str, str], prefix: str) -> list[str]:
    """A line for each pair of colours that is too close. Without a readable text nothing else could be told."""
    texts = [("text", ground, READABLE) for ground in _GROUNDS]
    others = [(name, ground, least) for name, least in _LEAST.items() for ground in _GROUNDS]
    pairs = [*others, ("on_primary", "primary", READABLE)]
    return _too_close(colours, texts, prefix) or _too_close(colours, pairs, prefix)


def _too_close(colours: dict[str, str], pairs: list[tuple[str, str, float]], prefix: str) -> list[str]:
    return [
        f"{prefix}{ink} {colours[ink]} on {prefix}{ground} {colours[ground]} has a contrast of "
        f"{contrast(colours[ink], colours[ground]):.2f}, and needs {least}"
        for ink, ground, least in pairs
        if contrast(colours[ink], colours[ground]) < least
    ]


def contrast(a: str, b: str) -> float:
    """The contrast of two colours by WCAG: from 1 (the same) to 21 (black and white)."""
    lighter, darker = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(value / 255) for value in _rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _not_a_theme(value: Any) -> Any:
    if not isinstance(value, dict | Theme):
        raise ValueError('must be an object such as {"primary": "#0b5a63"}')  # noqa: TRY004  # As above.
    return value


ThemeSetting = Annotated[Theme, NoDecode, BeforeValidator(_not_a_theme), BeforeValidator(from_json)]
