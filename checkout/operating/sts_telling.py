"""Items of ship-to-store orders, for a person at a terminal."""

from collections.abc import Iterable
from typing import Any

from checkout.operating.telling import Document, clock, table
from checkout.terminal import format_money

_HEAD = ("STATUS", "ORDER", "UPC", "QTY", "ITEM", "STORE", "PLACED (UTC)")
# What waits for the brand, in the order in which it does.
_WAITING = ("pending_brand", "confirmed", "processing")
_NOTHING = "Nothing waits for the brand."


def items_of(orders: Iterable[Document], *, everything: bool) -> list[dict[str, Any]]:
    """The items of ship-to-store orders, those first that wait for the brand, then the oldest first."""
    items = [
        {
            "status": item["status"],
            "order": order["id"],
            "upc": item["upc"],
            "quantity": item["quantity"],
            "name": item["name"],
            "store": order["store"]["name"],
            "placed_at": order["placed_at"],
        }
        for order in orders
        for item in order["items"]
        if everything or item["status"] in _WAITING
    ]
    return sorted(items, key=lambda item: (_rank(item["status"]), item["placed_at"], item["order"]))


def _rank(status: str) -> int:
    return _WAITING.index(status) if status in _WAITING else len(_WAITING)


def tell_items(items: Document) -> str:
    if not items["data"]:
        return _NOTHING
    waiting = sum(item["status"] == _WAITING[0] for item in items["data"])
    lines = table(_HEAD, [_row(item) for item in items["data"]])
    return "\n".join([*lines, "", f"{waiting} to confirm or reject."])


def _row(item: Document) -> tuple[str, ...]:
    return (
        item["status"].replace("_", " "),
        item["order"],
        item["upc"],
        str(item["quantity"]),
        item["name"] or "-",
        item["store"],
        clock(item["placed_at"]).removesuffix(" UTC"),
    )


def tell_results(results: Document, action: str) -> str:
    """One line for each item; one in doubt says what to do."""
    return "\n".join(f"{row['upc']}: {_outcome(row, action)}" for row in results["data"])


def _outcome(row: Document, action: str) -> str:
    if row["status"] == 200:
        return str(row["item_status"]).replace("_", " ")
    if row["status"] == 202:
        return f"not known yet whether Locally took the {action}; it is being read back. Look again in a minute."
    return f"{row['detail']} ({row['code']})"


def tell_statement(statement: Document) -> str:
    """The sums, the lines behind them, and what is to be looked at."""
    if not statement["orders"]:
        return f"Nothing became payable in {statement['month']}."
    audited, paid = statement["audited"], statement["paid"]
    dates = f"Audited {audited['begins']} to {audited['ends']}, paid {paid['begins']} to {paid['ends']}."
    state = "" if statement["final"] else " The month is not over yet."
    totals = table(("TO", "AMOUNT"), [_total(total) for total in statement["totals"]])
    head = ("AT (UTC)", "ORDER", "UPC", "WHY", "TO", "AMOUNT")
    lines = table(head, [_line(order, line) for order in statement["orders"] for line in order["lines"]])
    told = [f"Statement of {statement['month']}. {dates}{state}", "", *totals, "", *lines]
    return "\n".join([*told, *(_differences(statement["differences"]))])


def _total(total: Document) -> tuple[str, str]:
    store = total["store"]
    return (f"{store['name']} ({store['id']})" if store else "the brand"), format_money(total["amount"])


def _line(order: Document, line: Document) -> tuple[str, ...]:
    party = "brand" if line["party"] == "brand" else order["store"]["name"]
    at = clock(line["at"]).removesuffix(" UTC")
    return at, order["order"], line["upc"], line["why"].replace("_", " "), party, format_money(line["amount"])


def _differences(differences: list[Document]) -> list[str]:
    if not differences:
        return []
    rows = [
        f"{each['order']} {each['upc']}, {each['of']}: Locally {_share(each['locally'])}; ours {_share(each['ours'])}"
        for each in differences
    ]
    return ["", "To be looked at (what is payable is what Locally tells):", *rows]


def _share(share: Document) -> str:
    return f"{format_money(share['brand'])} and {format_money(share['retailer'])}"
