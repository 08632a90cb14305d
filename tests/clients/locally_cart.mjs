// The rest of Locally's own SDK against the sandbox: every call that `locally.mjs` does not make, with lists in the
// query and JSON under a form's content type. Prints what it met as one JSON object.
// Usage: node locally_cart.mjs http://127.0.0.1:9000 TOKEN

import LCLY from "@locally-com/lcly-js-sdk";

const [origin, token] = process.argv.slice(2);
const sdk = new LCLY(token, `${origin}/headless/api/1.0`);
const catalogue = await (await fetch(`${origin}/_sandbox/catalogue`)).json();

// The first style is in stock at every store.
const store = catalogue.stores.find((candidate) => candidate.paths.includes("sdd"));
const [first, second] = catalogue.products;

async function setUpCard() {
  const body = new URLSearchParams({ payment_method: "pm_card_visa", confirm: "true" });
  const made = await fetch(`${origin}/v1/setup_intents`, {
    method: "POST",
    headers: { Authorization: "Bearer sk_test_sdk" },
    body,
  });
  return (await made.json()).id;
}

const cart = sdk.cart();
const wanted = { store_id: store.id, host_domain: "www.example.com" };
const added = await cart.get("add", { ...wanted, upc: first.upc });
const headers = { "Locally-Api-Session-Id": added.data.session.id };
await cart.get("add", { ...wanted, upc: second.upc }, headers);
const items = [
  { upc: first.upc, qty: 3 },
  { upc: second.upc, qty: 0 },
];
const updated = await cart.post("update", { items }, headers);
const email = await cart.post("validate_email", { email: "ada@example.com" }, headers);
const address = { firstName: "Ada", lastName: "Byron", address: "1 Elm St", city: "Chicago", zip: "60605" };
const billed = await cart.post("billing", { ...address, country: "US", email: "ada@example.com" }, headers);
const checkout = await cart.get("checkout", {}, headers);
const ordered = await cart.post(
  "order",
  {
    hash: added.data.cart_hash,
    full_name: "Ada Byron",
    email: "ada@example.com",
    card_token: await setUpCard(),
  },
  headers,
);
const others = {
  user: await sdk.session().get("user", {}, headers),
  product: await sdk.conversion().get("product_data", { company_id: 1, upc: first.upc }),
  ecommerce: await sdk.conversion().get("buy_online_ecommerce_data"),
  common: await sdk.conversion().get("common"),
  location: await sdk.conversion().get("location_data", { type: "store", store_id: store.id }),
  addresses: await sdk.location().get("address_suggest", { query: "chicago" }),
  address: await sdk.location().get("address_validate", {
    dropoff_address: "1 Elm St, Chicago",
    store_id: store.id,
    upc: first.upc,
  }),
  analytics: await sdk.analytics().post("analytics", { event: "seen" }),
  template: await sdk.email().get("send_template", { template: "receipt" }),
};

console.log(JSON.stringify({ store, upc: first.upc, added, updated, email, billed, checkout, ordered, others }));
