// The card fields of the stand-in: they check what was typed, and confirm the SetupIntent without telling the page.

import { dress, greeted, speak, tellHeight, wordsFor } from "/stripe-js/words.js";

const form = document.querySelector("form");
const fields = form.elements;
let words = {};
let shown = { country: true, postalCode: true };

const digitsOf = (name) => fields[name].value.replace(/\D/g, "");

function passesLuhn(digits) {
  const values = [...digits].reverse().map((digit, place) => Number(digit) * (1 + (place % 2)));
  return values.reduce((sum, value) => sum + (value > 9 ? value - 9 : value), 0) % 10 === 0;
}

function numberFault() {
  const digits = digitsOf("number");
  const whole = /^3[47]/.test(digits) ? 15 : /^3/.test(digits) ? 14 : 16;
  if (digits.length < whole) {
    return "incomplete_number";
  }
  return passesLuhn(digits) ? null : "invalid_number";
}

function expiryFault() {
  const digits = digitsOf("expiry");
  if (digits.length < 4) {
    return "incomplete_expiry";
  }
  const [month, year] = expiryOf(digits);
  if (month < 1 || month > 12) {
    return "invalid_expiry_month";
  }
  const now = new Date();
  return year * 12 + month < now.getFullYear() * 12 + now.getMonth() + 1 ? "invalid_expiry_year_past" : null;
}

const expiryOf = (digits) => [Number(digits.slice(0, 2)), 2000 + Number(digits.slice(-2))];

const FAULTS = {
  number: numberFault,
  expiry: expiryFault,
  cvc: () => (digitsOf("cvc").length < (/^3[47]/.test(digitsOf("number")) ? 4 : 3) ? "incomplete_cvc" : null),
  postal: () => (shown.postalCode && fields.postal.value.trim().length < 3 ? "incomplete_zip" : null),
};

function show(name, code) {
  const place = document.getElementById(`${name}-error`);
  place.textContent = code ? words[code] : "";
  place.hidden = !code;
  fields[name].setAttribute("aria-invalid", String(Boolean(code)));
}

/** All faults in the order of the fields; each is shown under its field. */
function validate() {
  const faults = Object.entries(FAULTS).map(([name, fault]) => [name, fault()]);
  faults.forEach(([name, code]) => show(name, code));
  const [first] = faults.filter(([, code]) => code);
  if (!first) {
    return {};
  }
  fields[first[0]].focus();
  return { error: { type: "validation_error", code: first[1], message: words[first[1]] } };
}

function state() {
  const empty = ["number", "expiry", "cvc"].every((name) => fields[name].value === "");
  const complete = Object.values(FAULTS).every((fault) => fault() === null);
  return { collapsed: false, complete, empty, value: { type: "card" } };
}

const GROUPS = { number: /(\d{4})(?=\d)/g, expiry: /^(\d{2})(?=\d)/ };

function group(input) {
  const digits = input.value.replace(/\D/g, "");
  const between = input.name === "expiry" ? "$1 / " : "$1 ";
  if (input.name in GROUPS && input.selectionStart === input.value.length) {
    input.value = digits.replace(GROUPS[input.name], between);
  }
}

/** The form as the API reads it: nested names in brackets. */
function flatten(values, prefix) {
  return Object.entries(values).flatMap(([name, value]) => {
    if (value === null || value === undefined) {
      return [];
    }
    return typeof value === "object" ? flatten(value, `${prefix}[${name}]`) : [[`${prefix}[${name}]`, value]];
  });
}

function paymentMethod(billing) {
  const [month, year] = expiryOf(digitsOf("expiry"));
  const address = {
    ...(shown.country ? { country: fields.country.value } : {}),
    ...(shown.postalCode ? { postal_code: fields.postal.value.trim() } : {}),
  };
  const card = { number: digitsOf("number"), exp_month: month, exp_year: year, cvc: digitsOf("cvc") };
  return { type: "card", card, billing_details: { ...billing, address: { ...billing.address, ...address } } };
}

async function confirm({ form: sent, billing }) {
  const body = new URLSearchParams([...Object.entries(sent), ...flatten(paymentMethod(billing), "payment_method_data")]);
  const path = `/v1/setup_intents/${sent.client_secret.split("_secret_")[0]}/confirm`;
  try {
    const answer = await (await fetch(path, { method: "POST", body })).json();
    return answer.error ? { error: inWords(answer.error) } : { setupIntent: answer };
  } catch {
    const message = "We are experiencing issues connecting to our payments provider. Please check your internet connection and try again.";
    return { error: { type: "api_connection_error", message } };
  }
}

/** A decline in the shopper's language, as Stripe.js tells it. */
function inWords(error) {
  const message = words.declines[error.decline_code] ?? words.declines[error.code] ?? error.message;
  return { ...error, message };
}

/** Which parts of the address the page left to us: country and postal code, unless it said "never". */
function settle({ appearance, locale, options }) {
  const billing = options.fields?.billingDetails;
  const address = billing === "never" ? "never" : billing?.address;
  shown = {
    country: address !== "never" && address?.country !== "never",
    postalCode: address !== "never" && address?.postalCode !== "never",
  };
  for (const part of document.querySelectorAll("[data-part]")) {
    part.hidden = !shown[part.dataset.part];
  }
  words = wordsFor(locale);
  speak(words);
  dress(appearance);
}

const ORDERS = {
  validate,
  confirm,
  focus: () => fields.number.focus(),
  clear: () => form.reset(),
  update: settle,
};

function listen(port) {
  form.addEventListener("input", ({ target }) => {
    group(target);
    if (target.getAttribute("aria-invalid") === "true") {
      show(target.name, FAULTS[target.name]());
    }
    port.postMessage({ event: "change", detail: state() });
  });
  form.addEventListener("focusout", ({ target }) => target.name in FAULTS && target.value && show(target.name, FAULTS[target.name]()));
  addEventListener("focus", () => port.postMessage({ event: "focus" }));
  addEventListener("blur", () => port.postMessage({ event: "blur" }));
  addEventListener("keydown", ({ key }) => key === "Escape" && port.postMessage({ event: "escape" }));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("fill").addEventListener("click", () => {
    Object.assign(fields.number, { value: "4242 4242 4242 4242" });
    Object.assign(fields.expiry, { value: "12 / 34" });
    Object.assign(fields.cvc, { value: "123" });
    fields.postal.value ||= "60605";
    Object.keys(FAULTS).forEach((name) => show(name, null));
    port.postMessage({ event: "change", detail: state() });
  });
}

const { greeting, port } = await greeted();
settle(greeting);
listen(port);
port.onmessage = async ({ data }) => {
  const result = await ORDERS[data.do](data);
  if (data.number) {
    port.postMessage({ answers: data.number, result });
  }
};
tellHeight(port);
port.postMessage({ event: "ready" });
