"""What the public sees of where to buy what a store declined."""

from checkout.orders import Location
from checkout.rescuing import RescueOffer
from checkout.schemas.responses import Body, Time
from checkout.schemas.store_views import OfferBody, offer_body


class RescueItemBody(Body):
    """One item that may be bought elsewhere."""

    upc: str
    quantity: int
    name: str | None


class RescuesBody(Body):
    """Stores that have all items first, then by distance from the store that said no (`near`)."""

    items: tuple[RescueItemBody, ...]
    stores: tuple[OfferBody, ...]
    near: Location | None
    as_of: Time | None


def rescues_body(offer: RescueOffer) -> RescuesBody:
    return RescuesBody(
        items=tuple(RescueItemBody(upc=item.upc, quantity=item.quantity, name=item.name) for item in offer.items),
        stores=tuple(offer_body(store, offer.unit) for store in offer.stores),
        near=offer.near,
        as_of=offer.as_of,
    )
