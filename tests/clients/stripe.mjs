// Stripe's own Node client against the sandbox at the given origin. Prints what it met as one JSON object.
// Usage: node stripe.mjs http://127.0.0.1:9000

import Stripe from "stripe";

const origin = new URL(process.argv[2]);
const NEWEST = "2026-10-28.endive";

function client(apiVersion) {
  return new Stripe("sk_test_node", {
    apiVersion,
    host: origin.hostname,
    port: origin.port,
    protocol: "http",
    telemetry: false,
    maxNetworkRetries: 0,
  });
}

const stripe = client(NEWEST);

async function refusal(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return { class: error.constructor.name, code: error.code, status: error.statusCode, declineCode: error.decline_code };
  }
}

async function createAndConfirm() {
  const made = await stripe.setupIntents.create({
    allowed_payment_method_types: ["card"],
    metadata: { checkout_id: "chk_1" },
    usage: "off_session",
  });
  const done = await stripe.setupIntents.confirm(made.id, { payment_method: "pm_card_visa" });
  const kept = await stripe.setupIntents.retrieve(made.id, { expand: ["payment_method"] });
  return {
    first: made.status,
    done: done.status,
    last4: kept.payment_method.card.last4,
    checkout: kept.metadata.checkout_id,
    secretBelongs: made.client_secret.startsWith(`${made.id}_secret_`),
    requestId: done.lastResponse.requestId,
    apiVersion: done.lastResponse.apiVersion,
  };
}

async function decline() {
  const made = await stripe.setupIntents.create({});
  const refused = await refusal(stripe.setupIntents.confirm(made.id, { payment_method: "pm_card_chargeDeclined" }));
  const after = await stripe.setupIntents.retrieve(made.id);
  return { refused, status: after.status, lastError: after.last_setup_error.code };
}

async function authentication() {
  const made = await stripe.setupIntents.create({
    confirm: true,
    payment_method: "pm_card_authenticationRequired",
    return_url: "https://shop.test/back",
  });
  const outcome = new URLSearchParams({ outcome: "succeed" });
  const sentBack = await fetch(made.next_action.redirect_to_url.url, { method: "POST", body: outcome, redirect: "manual" });
  const after = await stripe.setupIntents.retrieve(made.id);
  return { asked: made.status, back: sentBack.headers.get("location").split("?")[0], after: after.status };
}

async function idempotency() {
  const options = { idempotencyKey: "si-chk_1-1" };
  const first = await stripe.setupIntents.create({ usage: "off_session" }, options);
  const again = await stripe.setupIntents.create({ usage: "off_session" }, options);
  const refused = await refusal(stripe.setupIntents.create({ usage: "on_session" }, options));
  return { same: first.id === again.id, replayed: again.lastResponse.headers["idempotent-replayed"], refused };
}

async function accounts() {
  const account = { stripeAccount: "acct_store37175" };
  const made = await stripe.setupIntents.create({}, account);
  const refused = await refusal(stripe.setupIntents.retrieve(made.id));
  const found = await stripe.setupIntents.retrieve(made.id, {}, account);
  return { refused, found: found.id === made.id };
}

async function versions() {
  const types = { payment_method_types: ["card"] };
  const refused = await refusal(stripe.setupIntents.create(types));
  const taken = await client("2025-09-30.clover").setupIntents.create(types);
  return { refused, taken: taken.payment_method_types };
}

async function cancelAndList() {
  const made = await stripe.setupIntents.create({});
  const canceled = await stripe.setupIntents.cancel(made.id, { cancellation_reason: "abandoned" });
  const refused = await refusal(stripe.setupIntents.confirm(made.id, { payment_method: "pm_card_visa" }));
  const newest = await stripe.setupIntents.list({ limit: 1 });
  return { status: canceled.status, reason: canceled.cancellation_reason, refused, listed: newest.data[0].id === made.id };
}

console.log(
  JSON.stringify({
    createAndConfirm: await createAndConfirm(),
    decline: await decline(),
    authentication: await authentication(),
    idempotency: await idempotency(),
    accounts: await accounts(),
    versions: await versions(),
    cancelAndList: await cancelAndList(),
  }),
);
