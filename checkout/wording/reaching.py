"""How a shopper reaches a store: by phone, and on foot."""

from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberFormat

from checkout.orders import Address, Location, Store


class Phone(NamedTuple):
    """A phone number to read, and to dial where it is one."""

    text: str
    dial: str | None


def read_phone(store: Store) -> Phone | None:
    """The store's phone; Locally has it as somebody typed it, so its country says how to read it."""
    if not store.phone:
        return None
    try:
        number = phonenumbers.parse(store.phone, store.address.country)
    except phonenumbers.NumberParseException:
        return Phone(store.phone, None)
    text = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return Phone(text, phonenumbers.format_number(number, PhoneNumberFormat.E164))


def map_url(at: Location) -> str:
    return f"https://www.openstreetmap.org/?mlat={at.lat}&mlon={at.lng}#map=17/{at.lat}/{at.lng}"


def directions_url(at: Location) -> str:
    return f"https://www.openstreetmap.org/directions?to={at.lat}%2C{at.lng}"


def address_lines(address: Address) -> list[str]:
    """The address as it stands on an envelope."""
    region = " ".join(part for part in (address.state, address.zip) if part)
    town = ", ".join(part for part in (address.city, region) if part)
    return [line for line in (address.address, address.address_2, town) if line]


def address_line(address: Address) -> str:
    """The address in one line."""
    return ", ".join(address_lines(address))
