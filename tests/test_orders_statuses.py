"""From Locally's words to ours: every spelling that its pages, samples and dashboard show, and those of tomorrow."""

import pytest

from checkout.orders import ItemStatus, Said, normal_word, read_item_status

# What Locally's Cart API, PushCart page, webhooks and dashboard call the status of an item that is not ship-to-store.
PLAIN = [
    *((word, "ordered") for word in ("Ordered", "ORDERED", "ordered", "received")),
    *((word, "confirmed") for word in ("Confirmed", "CONFIRMED", "confirmed")),
    *((word, "declined") for word in ("Canceled", "canceled", "CANCELED", "rejected", "Retailer Declined")),
    *((word, "canceled") for word in ("Buyer Declined", "buyer-declined")),
    *((word, "auto_canceled") for word in ("Auto-cancelled", "auto-canceled", "AUTO_CANCELED")),
    *((word, "charge_failed") for word in ("Charge_Failed", "Charge Failed", "charge-failed", "CHARGE_FAILED")),
    *((word, "picked_up") for word in ("fulfilled", "Fulfilled", "Picked Up", "picked up")),
    *((word, "refunded") for word in ("Refunded", "refund", "REFUNDED")),
    *((word, "partially_refunded") for word in ("Partially_Refunded", "partial refund", "Partially Refunded")),
]
# And what it calls one that is.
STS = [
    *((word, "pending_brand") for word in ("confirm-store", "PENDING BRAND", "Pending Brand")),
    *((word, "confirmed") for word in ("confirm-brand", "CONFIRMED", "Confirmed", "APPROVED", "approved")),
    *((word, "rejected") for word in ("reject-brand", "REJECTED", "rejected")),
    *((word, "processing") for word in ("processing", "Processing", "PROCESSING")),
    *((word, "shipped") for word in ("shipped", "SHIPPED", "Shipped")),
    *((word, "ready_for_pickup") for word in ("READY FOR PICKUP", "ready-for-pickup", "Ready for Pickup")),
    *((word, "picked_up") for word in ("picked up", "PICKED UP", "Picked Up", "picked-up")),
    ("Refunded", "refunded"),
]


def plain(status: str | None, **more: str | None) -> str | None:
    return read_item_status(Said(status, **more), ships_to_store=False)  # type: ignore[arg-type]  # One row, many columns.


def sts(status: str | None, sts_status: str | None, resolution: str | None = None) -> str | None:
    return read_item_status(Said(status, sts_status, resolution), ships_to_store=True)


@pytest.mark.parametrize(("word", "status"), PLAIN)
def test_every_spelling_of_a_status_is_read(word: str, status: str) -> None:
    assert plain(word) == ItemStatus(status)


@pytest.mark.parametrize(("word", "status"), STS)
def test_every_spelling_of_ship_to_store_is_read(word: str, status: str) -> None:
    assert sts("Ordered", word) == ItemStatus(status)
    assert sts("Confirmed", word) == ItemStatus(status)
    assert sts("", word) == ItemStatus(status)


def test_every_status_of_ours_has_a_word() -> None:
    assert {status for _, status in [*PLAIN, *STS]} == set(ItemStatus)


@pytest.mark.parametrize("word", ["Canceled", "cancelled", "rejected"])
@pytest.mark.parametrize(
    ("resolution", "status"),
    [
        *((word, "declined") for word in (None, "", "DECLINED", "Retailer Declined", "SUCCESS", "OUT_OF_STOCK")),
        *((word, "auto_canceled") for word in ("AUTO_CANCELED", "Auto-cancelled", "auto rejected")),
        *((word, "canceled") for word in ("BUYER_DECLINED", "Buyer Declined", "buyer-canceled", "buyer cancelled")),
    ],
)
def test_resolution_tells_who_called_it_off(word: str, resolution: str | None, status: str) -> None:
    assert plain(word, resolution=resolution) == ItemStatus(status)


@pytest.mark.parametrize(
    ("remark", "status"),
    [
        ("The store did not answer in time, so this request was cancelled automatically.", "auto_canceled"),
        ("This order was auto-canceled.", "auto_canceled"),
        ("Automatically declined after 8 business hours", "auto_canceled"),
        ("Accept within 2 hours, or it will be auto-accepted.", "declined"),
        ("Sold the last one this morning", "declined"),
    ],
)
def test_without_a_resolution_the_remarks_tell_silence(remark: str, status: str) -> None:
    said = Said("Canceled", remarks=("", remark))
    assert read_item_status(said, ships_to_store=False) == ItemStatus(status)
    decided = said._replace(resolution="DECLINED")
    assert read_item_status(decided, ships_to_store=False) is ItemStatus.DECLINED


@pytest.mark.parametrize("word", ["On Backorder", "held_at_customs", "\u5df2\u53d1\u8d27", "<b>"])
def test_unknown_words_are_kept_as_they_are(word: str) -> None:
    assert plain(word) == word
    assert sts("Confirmed", word) == word
    assert sts(word, None) == word


@pytest.mark.parametrize("word", [None, ""])
def test_item_that_says_nothing_has_no_status(word: str | None) -> None:
    assert plain(word) is None
    assert sts(word, None) is None


def test_path_decides_which_word_counts() -> None:
    """Samples show orders for pickup with a ship-to-store status, and the other way round."""
    assert plain("Confirmed", sts_status="Processing") is ItemStatus.CONFIRMED
    assert plain("", sts_status="CONFIRMED") is ItemStatus.CONFIRMED
    assert sts("Ordered", None) is ItemStatus.PENDING_BRAND
    assert sts("Confirmed", None) is ItemStatus.CONFIRMED


@pytest.mark.parametrize(
    ("status", "resolution", "reads"),
    [
        ("Canceled", "BUYER_DECLINED", "canceled"),
        ("Canceled", "AUTO_CANCELED", "auto_canceled"),
        ("Canceled", "DECLINED", "rejected"),
        ("Refunded", "", "refunded"),
        ("Partially_Refunded", "", "shipped"),
        ("Fulfilled", "SUCCESS", "shipped"),
    ],
)
def test_end_of_a_ship_to_store_item_is_seen_in_either_word(status: str, resolution: str, reads: str) -> None:
    assert sts(status, "Shipped", resolution) == ItemStatus(reads)


def test_words_have_one_spelling() -> None:
    assert {normal_word(word) for word in ("Charge_Failed", "charge-failed", " CHARGE  FAILED ")} == {"charge_failed"}
    assert normal_word(None) == ""
