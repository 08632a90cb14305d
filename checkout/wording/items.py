"""What an item is called and what became of it, in plain words. Pure."""

import re

from checkout.orders import ItemStatus, OrderItem, PathToPurchase
from checkout.wording.languages import Language, mark

_ITEM_WORDS: dict[str, str] = {
    ItemStatus.ORDERED: mark("Waiting for the store's answer"),
    ItemStatus.CONFIRMED: mark("Held for you at the store"),
    ItemStatus.PICKED_UP: mark("Picked up"),
    ItemStatus.DECLINED: mark("The store could not provide it"),
    ItemStatus.AUTO_CANCELED: mark("Canceled: the store did not answer in time"),
    ItemStatus.CANCELED: mark("Canceled"),
    ItemStatus.CHARGE_FAILED: mark("Held for you: the card could not be charged, please pay in the store"),
    ItemStatus.REFUNDED: mark("Refunded"),
    ItemStatus.PARTIALLY_REFUNDED: mark("Refunded in part"),
    ItemStatus.PENDING_BRAND: mark("Waiting for the brand's answer"),
    ItemStatus.REJECTED: mark("The brand could not provide it"),
    ItemStatus.PROCESSING: mark("Being made ready for the way to the store"),
    ItemStatus.SHIPPED: mark("On its way to the store"),
    ItemStatus.READY_FOR_PICKUP: mark("Ready for pickup"),
}
_CONFIRMED_BY_BRAND = mark("Confirmed by the brand")


def describe_item(status: str, path: PathToPurchase, language: Language) -> str:
    """An item's status in plain words; a word of Locally's that we do not know is shown as it is."""
    if status == ItemStatus.CONFIRMED and path is PathToPurchase.STS:
        return language.say(_CONFIRMED_BY_BRAND)
    return language.say(_ITEM_WORDS[status]) if status in _ITEM_WORDS else status


def name_item(item: OrderItem) -> str:
    """Its name, with size, colour and the like where the name does not tell them: two sizes are two items."""
    name = item.name or f"UPC {item.upc}"
    attributes = item.product.attributes if item.product else ()
    untold = [each for each in attributes if not re.search(rf"(?<!\w){re.escape(each)}(?!\w)", name, re.IGNORECASE)]
    return f"{name} ({', '.join(untold)})" if untold else name
