"""Ship-to-store from the brand's feed to its statement, with Locally's side played by the sandbox over the network."""

from pathlib import Path

from tests.service import SECRET_KEY, UPC, key
from tests.sts_world import brand_prices, buy
from tests.test_placing_killed import serving
from tests.test_placing_sockets import listening

TOKEN = "a-feed-token-of-the-tests"
FEED = f"upc,qty,percent revenue retained,shipping cost,country\n{UPC},10,61.5,12.95,US\n"


async def test_feed_price_split_and_statement_agree(tmp_path: Path) -> None:
    settings = {
        "CHECKOUT_PATHS": "bopis,sts",
        "CHECKOUT_CATALOGUE": str(brand_prices(tmp_path)),
        "CHECKOUT_FEED_TOKEN": TOKEN,
        "CHECKOUT_SANDBOX_CLOCK": "1",
    }
    async with listening() as sandbox_url, serving(sandbox_url, tmp_path, **settings) as world:
        client, sandbox = world.service.client, world.service.sandbox
        brand = {"Authorization": f"Bearer {SECRET_KEY}"}
        put = await client.put(
            "/v1/feeds/available-to-sell", content=FEED, headers={**brand, "Content-Type": "text/csv"}
        )
        assert put.status_code == 200, put.text
        served = f"{str(client.base_url).rstrip('/')}/feeds/{TOKEN}/available-to-sell.csv"
        scanned = await sandbox.post("/_sandbox/feed", json={"url": served})
        assert scanned.json()["scan"]["status"] == 200
        await sandbox.post("/_sandbox/clock", json={"advance": "PT4H"})  # Within three hours it is at all stores.

        parcel = await buy(world, quantity=2)
        order = await parcel.read()
        goods, shipping = 2 * 8900, 2 * 1295
        accounting = order["items"][0]["accounting"]
        shares = accounting["split_brand"]["amount"], accounting["split_retailer"]["amount"]
        assert shares == (10947 + shipping, goods - 10947)
        tax = accounting["tax"]["amount"]
        assert order["totals"]["total"]["amount"] == goods + tax + shipping

        await parcel.do("process")
        await parcel.do("refund", refund_amount={"amount": 1000, "currency": "USD"}, using=key())
        await parcel.do("ship")
        await parcel.at_store("picked_up")
        await parcel.ask("refund")  # Has the cart read; the store's own step is past refunding for the brand.
        month = (await sandbox.get("/_sandbox/clock")).json()["now"][:7]
        ours = (await client.get(f"/v1/statements/{month}", headers=brand)).json()
        theirs = (await sandbox.get(f"/_sandbox/statements/{month}")).json()
        totals = [total["amount"]["amount"] for total in ours["totals"]]
        assert totals == [total["amount"] for total in theirs["totals"]]
        assert 0 < goods + shipping - sum(totals) < 1000  # What went back, without its tax.
        assert ours["differences"] == []
