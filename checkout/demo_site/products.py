"""What Ridgeline sells on its site: three of the styles that the sandbox's stores have on their shelves."""

from typing import NamedTuple


class Variant(NamedTuple):
    """One colour and size, as a bar code tells it apart."""

    upc: str
    name: str
    colour: str


class Product(NamedTuple):
    """A product page. `price` is in cents; `art` names a picture of the site."""

    slug: str
    name: str
    line: str
    price: int
    art: str
    story: str
    facts: tuple[str, ...]
    variants: tuple[Variant, ...]


PRODUCTS = (
    Product(
        "foglight-helmet",
        "Foglight Commuter Helmet",
        "Seen from every side",
        8900,
        "helmet",
        "A light in the back, a reflective line all around, and a visor that keeps the drizzle out of your eyes. Made "
        "for the ride home at ten to six in November.",
        ("Rear light, 40 hours on a charge", "Rotational impact liner", "410 g in size M"),
        (
            Variant("068648100001", "Moss, S", "#5c7350"),
            Variant("068648100117", "Moss, M", "#5c7350"),
            Variant("068648100223", "Ember, M", "#c4532d"),
            Variant("068648100339", "Ember, L", "#c4532d"),
        ),
    ),
    Product(
        "portage-pannier",
        "Portage 22 Pannier",
        "Groceries, laptop, rain",
        11900,
        "pannier",
        "Twenty-two litres behind a roll top that shuts out a storm. It clips on with one hand and comes off as a bag "
        "you are not ashamed of in a meeting.",
        ("Waterproof, welded seams", "One-hand rack clip", "Sleeve for a 15-inch laptop"),
        (
            Variant("068648120344", "Moss", "#5c7350"),
            Variant("068648120450", "Slate", "#5b6b78"),
            Variant("068648120566", "Ember", "#c4532d"),
            Variant("068648120672", "Sand", "#c9b184"),
        ),
    ),
    Product(
        "cirrus-jacket",
        "Cirrus Rain Jacket",
        "Three layers, no rustle",
        22500,
        "jacket",
        "Cut for a bent back and long arms. Two vents let the hill out, a drop tail keeps the spray off, and it packs "
        "into its own pocket when the sun is back.",
        ("20,000 mm water column", "Reflective drop tail", "Repaired for free, for life"),
        (
            Variant("068648130510", "Slate, S", "#5b6b78"),
            Variant("068648130626", "Slate, M", "#5b6b78"),
            Variant("068648130732", "Sand, M", "#c9b184"),
            Variant("068648130848", "Sand, L", "#c9b184"),
        ),
    ),
)

PICTURED = frozenset(variant.upc for product in PRODUCTS for variant in product.variants)
