"""A retailer's orders, for a person at a terminal."""

from datetime import datetime

from checkout.operating.telling import Document, clock, money, table

_HEAD = ("ANSWER BY (UTC)", "LEFT", "STATUS", "ORDER", "ITEMS", "TOTAL", "STORE", "PLACED (UTC)")


def tell_orders(orders: Document, now: datetime) -> str:
    if not orders["data"]:
        return "There is no such order."
    lines = table(_HEAD, [_row(order, now) for order in orders["data"]])
    more = ["", "There are more: --limit shows them."] if orders["next_cursor"] else []
    return "\n".join([*lines, *more])


def _row(order: Document, now: datetime) -> tuple[str, ...]:
    until = order["answer_by"]
    return (
        clock(until).removesuffix(" UTC") if until else "-",
        _left(datetime.fromisoformat(until), now) if until else "-",
        order["status"],
        order["id"],
        str(sum(item["quantity"] for item in order["items"])),
        money(order["totals"]["total"]),
        order["store"]["name"],
        clock(order["placed_at"]).removesuffix(" UTC"),
    )


def _left(until: datetime, now: datetime) -> str:
    minutes = int((until - now).total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 0 else "over"


def tell_order(order: Document) -> str:
    """The order in full; links that are a right to something are left to the API."""
    shopper = order["shopper"]
    name = " ".join(part for part in (shopper["first_name"], shopper["last_name"]) if part)
    rows = {
        "order": f"{order['id']}: {order['status']}",
        "cart hash": order["cart_hash"],
        "path": order["path_to_purchase"],
        "placed": clock(order["placed_at"]),
        "answer by": clock(order["answer_by"]) if order["answer_by"] else "-",
        "store": f"{order['store']['id']} {order['store']['name']}",
        "shopper": ", ".join(part for part in (name, shopper["email"], shopper["phone"]) if part) or "unknown",
        **{name: money(order["totals"][name]) for name in ("total", "charged", "refunded")},
        "your page": order["fulfillment_url"] or "-",
    }
    lines = [f"{name:<10} {value}" for name, value in rows.items()]
    items = table(("UPC", "QTY", "STATUS", "TOTAL", "ITEM"), [_item(item) for item in order["items"]])
    said = [f"{clock(each['created_at'])} {each['sender']}: {each['text']}" for each in order["messages"]]
    return "\n".join([*lines, "", *items, *(["", *said] if said else [])])


def _item(item: Document) -> tuple[str, ...]:
    status = item["status"].replace("_", " ")
    told = f"{status} ({item['reason']})" if item["reason"] else status
    return item["upc"], str(item["quantity"]), told, money(item["total"]), item["name"] or "-"


def tell_intake(intake: Document) -> str:
    pages, left = intake["pages"]["done"], intake["left"]
    lines = [f"Orders taken in: {intake['taken_in']}. Pages read: {pages}."]
    if left:
        lines.append(f"Carts that could not be read: {left}. They are tried again; the service's log names them.")
    return "\n".join(lines)
