"""Every word that the page's script may need, so that it holds none itself. `{name}` is filled in by the script."""

import json
from collections.abc import Mapping
from functools import cache

from markupsafe import Markup

from checkout.wording.languages import Language, mark

Words = Mapping[str, "str | Words"]

_PAGE: Words = {
    "place": mark("Place order"),
    "reserve": mark("Reserve"),
    "placing": mark("Placing your order…"),
    "tax": mark("Tax"),
    "estimated_tax": mark("Estimated tax"),
    "no_tax": mark("Added by the store"),
    "free": mark("Free"),
    "total_at": mark("Total {amount} at {store}"),
    "reload_starts_anew": mark("Your browser keeps nothing for this page: if you reload it, you start anew."),
    "locating": mark("Finding your location…"),
    "location_refused": mark("Your browser did not share your location. Please enter a postal code."),
    "location_failed": mark("Your location could not be found. Please enter a postal code."),
    "searching": mark("Looking for stores…"),
    "search_failed": mark("The stores could not be loaded. Please try again."),
    "stripe_blocked": mark(
        "The card form could not be loaded. Something such as an ad blocker may be "
        "stopping it. Allow js.stripe.com, or call the store: its number is in the list."
    ),
}

CONVERSATIONS: Words = {
    "price_changed": {
        "title": mark("The price has changed"),
        "text": mark("The total is now {amount}. Nothing has been ordered yet."),
    },
    "item_unavailable": {
        "title": mark("The store no longer has everything"),
        "text": mark("Nothing was ordered. Please choose another store: those in the list have everything."),
    },
    "item_refused": {
        "title": mark("The store does not accept an item"),
        "text": mark("Nothing was ordered. Please choose another store: those in the list have everything."),
    },
    "path_unavailable": {
        "title": mark("This is not possible at this store"),
        "text": mark("The store does not offer this way to buy now. Please choose another way or another store."),
    },
    "store_unknown": {
        "title": mark("This store is no longer there"),
        "text": mark("Please choose another store: those in the list have everything."),
    },
    "no_price": {
        "title": mark("This store has no price for an item"),
        "text": mark("It cannot be ordered here. Please choose another store, or call this one."),
    },
    "card_declined": {
        "title": mark("Your card was declined"),
        "text": mark("Nothing was ordered. Please try another card, or ask your bank."),
    },
    "setup_intent_invalid": {
        "title": mark("Please enter your card again"),
        "text": mark("Your card entry could not be used. Nothing was ordered."),
    },
    "authentication_failed": {
        "title": mark("Your bank did not confirm the card"),
        "text": mark("Nothing was ordered. Please try again, or use another card."),
    },
    "too_many_cards": {
        "title": mark("Too many cards were tried"),
        "text": mark("Nothing was ordered. Start again with the same items, and what you entered stays."),
    },
    "card_needed": {
        "title": mark("Please enter your card again"),
        "text": mark("This store takes cards in another place."),
    },
    "checkout_expired": {
        "title": mark("Your checkout has expired"),
        "text": mark("Nothing was ordered. Start again with one click: what you entered stays."),
    },
    "order_not_placed": {
        "title": mark("Your order was not placed"),
        "text": mark("Nothing will be charged. You can start again: what you entered stays."),
    },
    "authorization_unknown": {
        "title": mark("The store could not be reached in time"),
        "text": mark("Nothing was ordered. Please try again: it never becomes two orders."),
    },
    "authorization_lapsed": {
        "title": mark("This took too long"),
        "text": mark("Nothing was ordered. Please try again: it never becomes two orders."),
    },
    "confirming": {
        "title": mark("We are confirming your order"),
        "text": mark("This takes a moment. Please do not order again: you will never be charged twice."),
    },
    "still_confirming": {
        "title": mark("We are still confirming your order"),
        "text": mark(
            "It takes longer than usual. You may leave this page open or come back to it later. Please do not order "
            "again: as soon as we know, it stands here and in your e-mail."
        ),
    },
    "interrupted": {
        "title": mark("Your order is not finished"),
        "text": mark("Your last try may not have reached us. Going on is safe: it never becomes two orders."),
    },
    "canceled": {
        "title": mark("This checkout was ended"),
        "text": mark("Nothing was ordered. You can start again: what you entered stays."),
    },
    "service_down": {
        "title": mark("We cannot take orders right now"),
        "text": mark("Nothing was ordered. Please try again in a moment, or call the store."),
    },
    "offline": {
        "title": mark("You are offline"),
        "text": mark("Please check your connection and try again: it never becomes two orders."),
    },
    "contact": {
        "title": mark("This does not work right now"),
        "text": mark("The fault is on our side. Please call the store, or write to us and name {request}."),
    },
}

_ACTIONS: Words = {
    "accept_total": mark("Accept {amount} and order"),
    "choose_store": mark("Choose another store"),
    "new_card": mark("Use another card"),
    "restart": mark("Start again"),
    "retry": mark("Try again"),
    "place_now": mark("Place the order"),
    "call": mark("Call {phone}"),
}

_FIELDS: Words = {
    "email": {
        "missing": mark("Enter your e-mail address."),
        "invalid": mark("Enter an e-mail address such as name@example.com."),
    },
    "phone": {
        "missing": mark("Enter your phone number."),
        "invalid": mark("Enter a phone number, with its country code if it is from abroad."),
    },
    "first_name": {"missing": mark("Enter your first name."), "invalid": mark("Enter your first name.")},
    "last_name": {"missing": mark("Enter your last name."), "invalid": mark("Enter your last name.")},
    "address": {"missing": mark("Enter the street and number."), "invalid": mark("Enter the street and number.")},
    "address_2": {"missing": "", "invalid": mark("Correct the apartment, floor or unit.")},
    "city": {"missing": mark("Enter the city."), "invalid": mark("Enter the city.")},
    "state": {"missing": mark("Enter the state or province."), "invalid": mark("Enter the state or province.")},
    "zip": {
        "missing": mark("Enter the postal code."),
        "invalid": mark("Enter a postal code of the chosen country."),
    },
    "country": {"missing": mark("Choose the country."), "invalid": mark("Choose the country.")},
    "message": {"missing": "", "invalid": mark("Write the message in one line, without special characters.")},
    "store": {"missing": mark("Choose a store."), "invalid": mark("Choose a store.")},
    "codes": {
        "missing": mark("Please fill this in."),
        "invalid": mark("Please correct this."),
        "too_short": mark("Please fill this in."),
        "too_long": mark("This is too long."),
        "looks_like_card": mark("This looks like a card number. Enter your card under “Payment” only."),
    },
}

WORDS: Words = {
    **_PAGE,
    "conversations": CONVERSATIONS,
    "actions": _ACTIONS,
    "fields": _FIELDS,
}


@cache
def page_words(language: Language) -> Markup:
    """The words in a language, as JSON that may stand in a script element."""
    text = json.dumps(_say_all(WORDS, language), ensure_ascii=False, separators=(",", ":"))
    for char, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(char, escape)
    return Markup(text)  # noqa: S704  Nothing is left in it that HTML would read.


def _say_all(words: Words, language: Language) -> dict[str, object]:
    return {
        name: (language.say(value) if value else "") if isinstance(value, str) else _say_all(value, language)
        for name, value in words.items()
    }
