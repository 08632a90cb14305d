// The wallet buttons of the stand-in. A wallet here has one card, which always works.

import { dress, greeted, tellHeight, wordsFor } from "/stripe-js/words.js";

const NAMES = { apple_pay: "Apple Pay (sandbox)", google_pay: "Google Pay (sandbox)" };
const CARD = { number: "4242424242424242", exp_month: "12", exp_year: "2034", cvc: "123" };

function bracketed(values, prefix) {
  return Object.entries(values).flatMap(([name, value]) => {
    if (value === null || value === undefined) {
      return [];
    }
    return typeof value === "object" ? bracketed(value, `${prefix}[${name}]`) : [[`${prefix}[${name}]`, value]];
  });
}

async function confirm({ form, billing }) {
  const method = bracketed({ type: "card", card: CARD, billing_details: billing }, "payment_method_data");
  const body = new URLSearchParams([...Object.entries(form), ...method]);
  const path = `/v1/setup_intents/${form.client_secret.split("_secret_")[0]}/confirm`;
  const answer = await (await fetch(path, { method: "POST", body })).json();
  return answer.error ? { error: answer.error } : { setupIntent: answer };
}

const { greeting, port } = await greeted();
wordsFor(greeting.locale);
dress(greeting.appearance);
for (const wallet of greeting.wallets) {
  const button = document.createElement("button");
  button.textContent = NAMES[wallet] ?? wallet;
  button.addEventListener("click", () => port.postMessage({ event: "press", wallet }));
  document.getElementById("wallets").append(button);
}
port.onmessage = async ({ data }) => {
  if (data.do === "confirm") {
    port.postMessage({ answers: data.number, result: await confirm(data) });
  }
};
tellHeight(port);
port.postMessage({ event: "ready" });
