/**
 * The checkout page. What the service says decides; the page shows it and asks the shopper what comes next. A request
 * to place is kept under one key until its final answer, so that repeating it never makes a second order.
 */
import { createCard, loadStripe } from './checkout-card.js';
import { createForm } from './checkout-form.js';

const $ = (id) => document.getElementById(id);
const $$ = (selector) => [...document.querySelectorAll(selector)];
const page = document.body.dataset;
const words = JSON.parse($('words').textContent);
const items = page.items.split(',').map((line) => {
  const [upc, quantity] = line.split(':');
  return { upc, quantity: Number(quantity) };
});
const storage = `checkout ${page.items}`;
const form = createForm($('details'), words.fields, (names) => save(names).catch(() => {}));
const card = createCard(page, $('payment'), $('express'), {
  change: () => tellCard(''),
  escape: () => host?.close(),
  failed: tellBlocked,
  wallet: async (event) => (await order()) || event.paymentFailed(),
  mayPay: isFilled,
});

/** What outlives a reload: id, token, opening, place, told, typed, search, from. */
let record = {};
let checkout = null;
let host = null;
let others = null;
let busy = false;
let request = '';
let moves = 0;
let turn = Promise.resolve();

function keep(change) {
  Object.assign(record, change);
  try {
    sessionStorage.setItem(storage, JSON.stringify(record));
  } catch {
    note('storage-note', words.reload_starts_anew); // The record lives in this page alone.
  }
}

/** The one seam to the API. Raises its problem; `connection_lost` where no answer came. */
async function ask(path, body, { method = 'POST', token = record.token, seconds = 30, ...headers } = {}) {
  const answer = await fetch(`/v1/${path}`, {
    ...(body && { method, body: JSON.stringify(body) }),
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers },
    signal: AbortSignal.timeout(seconds * 1000),
  }).catch(() => null);
  const told = await answer?.json().catch(() => null);
  if (told && answer.ok) return told;
  throw Object.assign(new Error(told?.detail), { code: 'connection_lost', errors: [] }, told);
}

const askCheckout = (call = '', ...rest) => ask(`checkouts/${record.id}${call}`, ...rest);
const change = (patch) => askCheckout('', patch, { method: 'PATCH' });
const pause = (seconds) => new Promise((go) => setTimeout(go, seconds * 1000));

/** One change at a time, whatever became of the one before. */
const inTurn = (work) => (turn = turn.catch(() => {}).then(work));

// What the page says.

function note(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

function money({ amount, currency }) {
  const format = new Intl.NumberFormat(page.locale, { style: 'currency', currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

function fillIn(text) {
  const { totals, store } = checkout ?? {};
  const known = { amount: totals && money(totals.total), store: store?.name, phone: store?.phone, request };
  return text.replace(/{(\w+)}/g, (_, name) => known[name] ?? '');
}

function button([label, act]) {
  const made = $('action').content.firstElementChild.cloneNode();
  made.textContent = fillIn(words.actions[label]);
  made.onclick = () => act();
  return made;
}

function tellCard(text, ...actions) {
  note('payment-error', text);
  $('payment-error').append(...actions.map(button));
}

function tellBlocked() {
  tellCard(words.stripe_blocked, ['retry', () => (tellCard(''), card.show(checkout.payment))]);
  host?.error({ code: 'payment_unavailable', message: words.stripe_blocked });
}

/** Says what happened, and what the shopper may do: each action is `[word, function]`. */
function say(what, ...actions) {
  const { title, text } = words.conversations[what];
  note('conversation-title', fillIn(title));
  note('conversation-text', fillIn(text));
  $$('#conversation .actions')[0].replaceChildren(...actions.map(button));
  bringForward($('conversation'));
  host?.update(checkout, 'messages');
}

const hush = () => ($('conversation').hidden = $('problem').hidden = true);

function bringForward(element) {
  element.hidden = false;
  element.focus();
  host?.scroll(element);
}

// Stores.

const typedSearch = () => new URLSearchParams(new FormData($('search'))).toString();

async function search(query, cache = 'default') {
  const status = $('stores-status');
  note('search-error', '');
  status.textContent = words.searching;
  $('stores').ariaBusy = true;
  try {
    const answer = await fetch(`/checkout/stores?${query}`, { cache });
    if (!answer.ok) throw answer;
    $('stores').innerHTML = await answer.text();
    status.textContent = ($('stores-heading') ?? $('stores-notice'))?.textContent;
    keep({ search: query, from: location.search });
    if (checkout) mark();
  } catch {
    status.textContent = '';
    note('search-error', words.search_failed);
  }
  $('stores').ariaBusy = false;
}

function locate() {
  $('stores-status').textContent = words.locating;
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      const near = `${coords.latitude.toFixed(3)},${coords.longitude.toFixed(3)}`;
      search(`${typedSearch().replace(/(^|&)q=[^&]*/, '')}&near=${near}`);
    },
    ({ code }) => {
      $('stores-status').textContent = '';
      note('search-error', code === 1 ? words.location_refused : words.location_failed);
    },
    { timeout: 10000 },
  );
}

const chosen = (name) => $$(`[name=${name}]:checked`)[0];

/** Marks what the checkout has, in a list that may be new. */
function mark() {
  for (const radio of $$('[name=store]')) radio.checked = Number(radio.value) === checkout.store.id;
  for (const radio of $$('[name=path]')) radio.checked = radio.value === checkout.path_to_purchase;
  offerPaths();
}

/** Shows the paths of the marked store, and gives them. */
function offerPaths() {
  const paths = chosen('store')?.dataset.path.split(' ') ?? [];
  for (const choice of $$('#paths .choice')) choice.hidden = !paths.includes(choice.dataset.path);
  $('paths').hidden = paths.length < 2;
  return paths;
}

/** Goes to the store and path that are marked. The last choice counts, however the answers come in. */
async function move() {
  const paths = offerPaths();
  const path = chosen('path')?.value ?? page.path;
  await moveTo({ store_id: Number(chosen('store').value), path_to_purchase: paths.includes(path) ? path : paths[0] });
}

async function moveTo(cart) {
  const ours = ++moves;
  hush();
  $('summary').ariaBusy = true;
  try {
    const now = await inTurn(() => ours === moves && (checkout ? change(cart) : open(cart)));
    if (ours === moves) show(now, 'fulfillment');
  } catch (error) {
    if (ours === moves) refuse(error, () => moveTo(cart));
  }
  $('summary').ariaBusy = false;
}

// The checkout.

async function open(cart) {
  const body = { ...cart, items, locale: page.locale };
  const said = JSON.stringify(cart);
  if (record.opening?.said !== said) keep({ opening: { said, key: crypto.randomUUID() } });
  const made = await ask('checkouts', body, { token: page.key, 'Idempotency-Key': record.opening.key });
  keep({ id: made.id, token: made.token, opening: null, place: null });
  return made;
}

/** Saves what was typed in these fields, else in all. Fields that the service refuses are marked. */
async function save(names) {
  keep({ typed: form.values() });
  if (!checkout || busy === 'placing') return;
  await inTurn(async () => {
    const typed = form.changes(names);
    const { message, ...shopper } = typed;
    if (!Object.keys(typed).length) return;
    for (const name in shopper) if (shopper[name] === '') shopper[name] = null;
    const lines = items.map((line, index) => (index ? line : { ...line, message }));
    try {
      checkout = await change({ shopper, ...(message !== undefined && { items: lines }) });
      form.markSaved(typed);
    } catch (error) {
      if (!form.refuse(error.errors)) throw error;
    }
  });
}

/** Shows the checkout as the service has it. */
function show(now, cause) {
  checkout = now;
  const { store, payment } = now;
  $('details').hidden = $('place').hidden = false;
  mark();
  note('chosen', `${store.name}, ${addressOf(store)}`);
  showTotals();
  $('payment-step').hidden = !payment;
  card.show(payment);
  host?.update(now, cause);
  tellOthers();
  if (cause === 'fulfillment') isStuck('');
}

/** Whether something but the shopper's fields keeps it from being placed; then it is said. */
function isStuck(aside = 'card_needed') {
  const told = checkout.problems.find(({ code }) => code !== aside && code in words.conversations);
  if (told) say(told.code, ...answers(told.code === 'card_needed' ? 'new_card' : 'choose_store'));
  return told;
}

const addressOf = ({ address: { address, city, state } }) => [address, city, state].filter(Boolean).join(', ');
const isOpen = ({ status }) => status === 'incomplete' || status === 'ready';

function showTotals() {
  const { totals, items: lines, payment } = checkout;
  const [label, amount] = $('place').children;
  label.textContent = busy ? words.placing : payment ? words.place : words.reserve;
  amount.textContent = totals ? money(totals.total) : '';
  $('totals').hidden = !totals;
  if (!totals) return;
  $$('[data-line]').forEach((cell, index) => (cell.textContent = money(lines[index].subtotal)));
  $('tax-name').textContent = totals.tax_estimated ? words.estimated_tax : words.tax;
  for (const cell of $$('[data-total]')) {
    const sum = totals[cell.dataset.total];
    cell.textContent = !sum ? words.no_tax : sum.amount || cell.dataset.total === 'tax' ? money(sum) : words.free;
  }
  $('announce').textContent = fillIn(words.total_at);
}

/** After a reload, in a copied window, or back from elsewhere. */
async function resume() {
  if (!record.id) return;
  try {
    const now = await askCheckout();
    const known = { ...now.shopper, message: now.items[0].message };
    form.fill({ ...known, ...record.typed });
    form.markSaved(known);
    if (now.status === 'canceled') return forget();
    show(now, 'messages');
    if (!goesOn(now) && record.place) say('interrupted', ['place_now', send]);
  } catch (error) {
    if (error.code === 'not_found') forget();
    else say('service_down', ['retry', () => (hush(), resume())]);
  }
}

function forget() {
  checkout = null;
  keep({ id: null, token: null, opening: null, place: null, told: null });
}

/** A new checkout at the same store; what was typed stays. */
async function restart() {
  const { store, path_to_purchase } = checkout;
  forget();
  form.markSaved(Object.fromEntries(Object.keys(form.values()).map((name) => [name, ''])));
  await moveTo({ store_id: store.id, path_to_purchase });
}

// Placing.

function isFilled() {
  const faults = form.faults();
  const lines = faults.map(({ field, text }) => {
    const line = $('problem-link').content.firstElementChild.cloneNode(true);
    Object.assign(line.firstElementChild, { href: `#${field.id}`, textContent: text });
    line.onclick = (event) => (event.preventDefault(), field.focus());
    return line;
  });
  $$('#problem ul')[0].replaceChildren(...lines);
  if (lines.length) bringForward($('problem'));
  return !lines.length;
}

function setBusy(now) {
  busy = now;
  host?.busy(Boolean(now));
  $('place').classList.toggle('is-busy', now);
  $('place').ariaDisabled = Boolean(now);
  showTotals();
}

/** From the button to the request; whether it came to that. A second press meanwhile does nothing. */
async function order() {
  if (busy) return;
  hush();
  if (!isFilled()) return;
  setBusy('checking');
  try {
    await save();
    if (isFilled() && !goesOn(checkout) && !isStuck() && (await takeCard())) {
      send();
      return true;
    }
  } catch (error) {
    refuse(error, order);
  }
  if (busy === 'checking') setBusy(false);
}

/** Lets Stripe take the card, and keeps what is to be placed now. */
async function takeCard() {
  const body = { expected_total: checkout.totals.total };
  if (checkout.payment) {
    if (!card.isShown()) return tellBlocked();
    if (!(await card.isComplete())) return card.focus();
    const { client_secret } = await askCheckout('/setup-intent', {});
    const { setupIntent, error } = await card.confirm(client_secret, billing(checkout.shopper));
    const taken = setupIntent ?? error.setup_intent;
    if (taken?.status !== 'succeeded') return declined(error);
    body.setup_intent_id = taken.id;
  }
  keep({ place: { body, key: crypto.randomUUID() } });
  return true;
}

const billing = ({ first_name, last_name, email, phone, address, address_2, city, state, zip, country }) => ({
  name: `${first_name} ${last_name}`,
  email,
  phone,
  address: { line1: address, line2: address_2 ?? '', city, state, postal_code: zip, country },
});

function declined(error) {
  if (error?.type === 'validation_error') return card.focus();
  if (error?.type === 'api_connection_error') return say('offline', ...answers('retry', order));
  const isBank = !error || error.code === 'setup_intent_authentication_failure';
  say(isBank ? 'authentication_failed' : 'card_declined', ...answers('new_card'));
  tellCard(error?.message ?? '');
}

/** Places with the kept key. After a broken connection the very same request is repeated. */
async function send(tries = 1) {
  const { key, body } = record.place;
  setBusy('placing');
  const slow = setTimeout(say, 4000, 'confirming');
  try {
    const now = await askCheckout('/place', body, { seconds: 40, 'Idempotency-Key': key, Prefer: 'wait=25' });
    setBusy(false);
    show(now, 'messages');
    goesOn(now);
  } catch (error) {
    if (error.code === 'connection_lost' && tries < 5) return pause(tries).then(() => send(tries + 1));
    setBusy(false);
    hush();
    refuse(error, send);
  } finally {
    clearTimeout(slow);
  }
}

/** Whether the checkout is no longer the shopper's to change; then the page goes on with what became of it. */
function goesOn(now) {
  if (now.status === 'placed') finish(now);
  if (now.status === 'placing') follow();
  if (now.status === 'expired') say(busy ? 'order_not_placed' : 'checkout_expired', ...answers('restart'));
  return !isOpen(now);
}

/** Waits for an outcome that is not known yet. Nothing is sent again meanwhile. */
async function follow() {
  if (busy === 'placing') return;
  setBusy('placing');
  let said = '';
  for (let seconds = 2; checkout.status === 'placing'; seconds = Math.min(seconds + 1, 10)) {
    const what = checkout.problems.some(({ code }) => code === 'order_in_review') ? 'still_confirming' : 'confirming';
    if (what !== said) say((said = what));
    await pause(seconds);
    checkout = await askCheckout().catch(() => checkout);
  }
  hush();
  show(checkout, 'messages');
  if (!goesOn(checkout)) say('interrupted', ['place_now', send]);
  setBusy(false);
}

/** What the shopper may do next; `again` repeats what failed. */
function answers(next, again) {
  const all = {
    new_card: () => (hush(), card.focus()),
    accept_total: acceptTotal,
    choose_store: () => (hush(), bringForward($$('[name=store]:not(:checked, :disabled)')[0] ?? $('q'))),
    restart,
    retry: () => (hush(), again()),
  };
  const call = () => (location.href = `tel:${checkout.store.phone}`);
  return all[next] ? [[next, all[next]]] : [['retry', all.retry], ...(checkout?.store.phone ? [['call', call]] : [])];
}

/** A refusal is a conversation: what the service says, and what to do next. `again` repeats what failed. */
function refuse(error, again) {
  const { code, next, checkout: now } = error;
  if (!code) throw error; // A fault of this page.
  request = error.instance?.split(':').pop();
  if (now) show(now, 'messages');
  if (['new_card', 'choose_store', 'restart'].includes(next)) keep({ place: null });
  if (next === 'restart') host?.error({ code: 'session_expired', message: error.message });
  else if (now && goesOn(now)) return;
  if (next === 'choose_store') search(record.search ?? typedSearch(), 'reload');
  if (form.refuse(error.errors) && !isFilled()) return;
  const what = code === 'connection_lost' ? 'offline' : next === 'retry' ? 'service_down' : 'contact';
  say(words.conversations[code] ? code : what, ...answers(next, again));
}

function acceptTotal() {
  hush();
  record.place.body.expected_total = checkout.totals.total;
  keep({});
  send();
}

async function finish({ store, totals, path_to_purchase, order: made, shopper }) {
  keep({ place: null, typed: null });
  const total = totals && money(totals.total);
  const known = { store: store.name, address: addressOf(store), total, email: shopper.email };
  const fill = () => $$('[data-fill]').forEach((cell) => (cell.textContent = known[cell.dataset.fill] ?? ''));
  for (const line of $$('[data-done]')) line.hidden = line.dataset.done !== path_to_purchase;
  $('order-link').href = made.url;
  card.show(null);
  $('checkout').hidden = true;
  fill();
  bringForward($('done'));
  if (!record.told) host?.complete(checkout, made);
  keep({ told: true });
  known.order = (await ask(`orders/${made.id}`, null, { token: made.token }).catch(() => made)).cart_hash ?? made.id;
  fill();
}

// From here on the shopper acts.

function bind() {
  const on = (id, type, act) => $(id).addEventListener(type, act);
  const still = (act) => (event) => (event.preventDefault(), act());
  on('search', 'submit', still(() => search(typedSearch())));
  on('use-location', 'click', locate);
  $('use-location').hidden = false;
  on('stores', 'click', (event) => {
    const link = event.target.closest('[data-search]');
    if (link) still(() => search(link.search.slice(1)))(event);
  });
  on('stores', 'change', move);
  on('paths', 'change', move);
  on('details', 'submit', still(order));
  on('details', 'input', () => keep({ typed: form.values() }));
  on('again', 'click', () => {
    forget();
    keep({ typed: form.values() });
    location.reload();
  });
  addEventListener('pageshow', ({ persisted }) => persisted && resume());
  others?.addEventListener('message', hear);
}

/** Windows with the same cart share one checkout, which never becomes two orders. */
function tellOthers() {
  const { id, token } = record;
  others?.postMessage({ id, token, version: checkout.version, isOpen: isOpen(checkout) });
}

async function hear({ data }) {
  if (data.isNew) return checkout && tellOthers();
  if (!record.id && data.isOpen) keep({ id: data.id, token: data.token });
  if (record.id === data.id && !busy && data.version !== checkout?.version) await resume();
}

function prefill({ name = '', postal_code, ...known }) {
  const [, first_name, last_name] = /^(.*?)\s*(\S*)$/.exec(name.trim());
  form.fill({ first_name, last_name, zip: postal_code, ...known });
  save();
  if (postal_code && !$('q').value) search(typedSearch(($('q').value = postal_code)));
}

async function start() {
  try {
    record = JSON.parse(sessionStorage.getItem(storage)) ?? {};
    others = new BroadcastChannel(storage);
  } catch {
    keep({});
  }
  bind();
  if ('framed' in page) {
    const { connect } = await import('./checkout-embed.js');
    host = connect({ onPrefill: prefill, onClose: () => save().catch(() => {}) });
  }
  loadStripe(page.stripeJs).catch(() => {});
  form.fill(record.typed ?? {});
  if (!record.id) {
    others?.postMessage({ isNew: true });
    await pause(0.1);
  }
  if (record.search && record.from === location.search) await search(record.search);
  await resume();
  if (!checkout && chosen('store')) await move();
  host?.start(checkout);
}

start();
