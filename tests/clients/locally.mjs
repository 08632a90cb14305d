// Locally's own SDK against the sandbox at the given origin. Prints what it met as one JSON object.
// Usage: node locally.mjs http://127.0.0.1:9000 TOKEN

import LCLY from "@locally-com/lcly-js-sdk";

const [origin, token] = process.argv.slice(2);

// The SDK's second argument is the base of every call.
const sdk = new LCLY(token, `${origin}/headless/api/1.0`);
const catalogue = await (await fetch(`${origin}/_sandbox/catalogue`)).json();

function firstInStock() {
  for (const store of catalogue.stores) {
    const upc = Object.keys(store.stock).find((candidate) => store.stock[candidate] > 0);
    if (upc !== undefined && store.paths.includes("bopis")) {
      return { store, upc };
    }
  }
  throw new Error("the catalogue has no store with stock");
}

const { store, upc } = firstInStock();
const product = catalogue.products.find((candidate) => candidate.upc === upc);
const session = await sdk.session().get("session");
const suggested = await sdk.location().get("suggest", { query: "chicago" });
const place = suggested.data.suggestions[0];
const headers = { "Locally-Api-Session-Id": suggested.data.session.id };
const switched = await sdk.location().get(
  "switch",
  { lat: store.lat, lng: store.lng, location_change_to_string: store.name },
  headers,
);
const started = await sdk.conversion().get(
  "start",
  { upc, product_id: product.product_id ?? 1, company_id: 1 },
  headers,
);
const stores = await sdk.conversion().get(
  "store_data",
  {
    company_id: 1,
    upc,
    map_center_lat: String(store.lat),
    map_center_lng: String(store.lng),
    map_distance_unit: "mi",
    map_distance_diag: "50",
  },
  headers,
);
const added = await sdk.cart().get("add", { store_id: store.id, upc, host_domain: "www.example.com" }, headers);
const cart = await sdk.cart().get("detail", {}, headers);

console.log(JSON.stringify({ store, upc, session, suggested, place, switched, started, stores, added, cart }));
