"""The languages of the pages: words from the catalogues in `checkout/translations`, numbers and times by locale."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from datetime import time as clock_time
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_name
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.support import Translations

from checkout.money import Money

TRANSLATIONS = Path(__file__).parent.parent / "translations"
# The region of a language that comes without one: where the stores are.
_REGIONS = {"en": "US", "fr": "CA", "es": "US"}
_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z]{4})?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?(?:[-_].*)?")
_MILES = frozenset({"US", "GB", "LR", "MM", "PR"})


def mark(text: str) -> str:
    """The text itself; it is found here by whoever collects what has to be translated."""
    return text


def unit_of(country: str | None) -> str:
    """How distances are told in a country: "mi" or "km"."""
    return "mi" if country in _MILES else "km"


@dataclass(frozen=True)
class Language:
    """A language as it is written in a region."""

    locale: Locale
    words: Translations

    @property
    def code(self) -> str:
        """Such as "fr"."""
        return str(self.locale.language)

    @property
    def tag(self) -> str:
        """Such as "fr-CA", as HTML and browsers name it."""
        return f"{self.code}-{self.locale.territory}" if self.locale.territory else self.code

    @property
    def unit(self) -> str:
        """How distances are told there: "mi" or "km"."""
        return unit_of(self.locale.territory)

    def say(self, text: str, **values: object) -> str:
        """The text in this language, with `%(name)s` filled in."""
        said = self.words.gettext(text)
        return said % values if values else said

    def say_many(self, one: str, many: str, num: int, **values: object) -> str:
        """The form that fits the number, which is `%(num)s` in the text."""
        return self.words.ngettext(one, many, num) % {"num": num, **values}

    def money(self, money: Money) -> str:
        return format_currency(money.to_decimal(), money.currency, locale=self.locale)

    def distance(self, value: float, unit: str) -> str:
        """Such as "2.4 mi"."""
        return f"{format_decimal(round(value, 1), locale=self.locale)} {unit}"

    def join(self, words: Sequence[str]) -> str:
        """Such as "bopis, ropis and sts"."""
        return format_list(list(words), locale=self.locale)

    def time(self, at: clock_time) -> str:
        """Such as "7:00 PM", in one piece however narrow the page is."""
        return format_time(at, "short", locale=self.locale).replace(" ", "\N{NO-BREAK SPACE}")

    def weekday(self, day: int) -> str:
        """The name of a day of the week; 0 is Monday."""
        return str(self.locale.days["stand-alone"]["wide"][day])

    def moment(self, moment: datetime, zone: tzinfo) -> str:
        """Such as "Sunday, November 22, 2026, 9:30 AM CST"."""
        there = moment.astimezone(zone)
        date, at = format_date(there, "full", self.locale), self.time(there.time())
        return f"{date}, {at} {self._zone_name(there)}"

    def _zone_name(self, there: datetime) -> str:
        """Such as "CST"; the long name where the language has no short one but a number."""
        short = get_timezone_name(there, "short", locale=self.locale)
        return short if short[:1].isalpha() else get_timezone_name(there, "long", locale=self.locale)


@cache
def language_of(code: str, region: str | None = None) -> Language:
    """A language by its code, as it is written in the region; in that of most shoppers where there is no such."""
    for territory in (region or _REGIONS[code], _REGIONS[code]):
        try:
            return Language(Locale(code, territory), _load_words(code))
        except UnknownLocaleError:
            continue
    raise AssertionError(f"no locale for {code}")


def read_tag(tag: str, languages: Sequence[str]) -> Language | None:
    """The language that a tag such as "fr-CA" names; None where it names none of `languages`."""
    found = _TAG.fullmatch(tag.strip())
    code = found[1].lower() if found else None
    if found is None or code is None or code not in languages:
        return None
    return language_of(code, found[2].upper() if found[2] else None)


def choose_language(lang: str | None, accepted: str, languages: Sequence[str]) -> Language:
    """The language asked for by `lang`, else the best of an Accept-Language header, else the first of `languages`."""
    tags = [lang] if lang else []
    for tag in (*tags, *_by_preference(accepted)):
        language = read_tag(tag, languages)
        if language is not None:
            return language
    return language_of(languages[0])


def _by_preference(accepted: str) -> list[str]:
    """The tags of an Accept-Language header, the best first."""
    ranked = []
    for place, part in enumerate(accepted[:1000].split(",")):
        tag, _, quality = part.partition(";")
        ranked.append((-_read_quality(quality), place, tag.strip()))
    return [tag for quality, _, tag in sorted(ranked) if tag and quality < 0]


def _read_quality(text: str) -> float:
    found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", text)
    return float(found[1]) if found else float(not text.strip())


@cache
def _load_words(code: str) -> Translations:
    """The catalogue of a language, compiled in memory. English is the language of the texts themselves."""
    compiled = BytesIO()
    path = TRANSLATIONS / f"{code}.po"
    if path.is_file():
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, locale=code))
        compiled.seek(0)
        return Translations(compiled)
    return Translations()


ENGLISH = language_of("en")
