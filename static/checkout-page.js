/**
 * The checkout page, until there is something to pay: the search for a store, the shopper's fields, and the checkout
 * that the service keeps of them. What the service says decides; the page shows it.
 */
import { createForm } from './checkout-form.js';
import { $, $$, addressOf, ask, askCheckout, bringForward, fillIn, hush, isOpen, keep } from './checkout-talk.js';
import { money, note, page, pause, say, state, storage, words } from './checkout-talk.js';

const items = page.items.split(',').map((line) => {
  const [upc, quantity] = line.split(':');
  return { upc, quantity: Number(quantity) };
});
const form = createForm($('details'), words.fields, (names) => save(names).catch(() => {}));
const change = (patch) => askCheckout('', patch, { method: 'PATCH' });

let placing = null;
let loading = null;
let others = null;
let searches = 0;
let moves = 0;
let turn = Promise.resolve();

/** One change at a time, whatever became of the one before. */
const inTurn = (work) => (turn = turn.catch(() => {}).then(work));

// Stores.

const typedSearch = () => new URLSearchParams(new FormData($('search'))).toString();

/** Shows the stores of the latest search, however the answers come in. */
async function search(query = state.record.search ?? typedSearch(), cache = 'default') {
  const ours = ++searches;
  const status = $('stores-status');
  note('search-error', '');
  status.textContent = words.searching;
  $('stores').ariaBusy = true;
  try {
    const answer = await fetch(`/checkout/stores?${query}`, { cache });
    if (!answer.ok) throw answer;
    const list = await answer.text();
    if (ours !== searches) return;
    $('stores').innerHTML = list;
    status.textContent = ($('stores-heading') ?? $('stores-notice'))?.textContent;
    keep({ search: query, from: location.search });
    if (state.checkout) mark();
  } catch {
    if (ours !== searches) return;
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
  const { store, path_to_purchase } = state.checkout;
  for (const radio of $$('[name=store]')) radio.checked = Number(radio.value) === store.id;
  for (const radio of $$('[name=path]')) radio.checked = radio.value === path_to_purchase;
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
    await Promise.all([
      loadPlacing(),
      inTurn(async () => {
        if (ours === moves) state.checkout = await (state.checkout ? change(cart) : open(cart));
      }),
    ]);
    if (ours === moves) show('fulfillment');
  } catch (error) {
    if (ours === moves) refuse(error, () => moveTo(cart));
  }
  $('summary').ariaBusy = false;
}

// The checkout.

async function open(cart) {
  const body = { ...cart, items, locale: page.locale };
  const said = JSON.stringify(cart);
  if (state.record.opening?.said !== said) keep({ opening: { said, key: crypto.randomUUID() } });
  const made = await ask('checkouts', body, { token: page.key, 'Idempotency-Key': state.record.opening.key });
  keep({ id: made.id, token: made.token, opening: null, place: null });
  return made;
}

/** Saves what was typed in these fields, else in all. Fields that the service refuses are marked. */
async function save(names) {
  keep({ typed: form.values() });
  if (!state.checkout || state.busy === 'placing') return;
  await inTurn(async () => {
    const typed = form.changes(names);
    const { message, ...shopper } = typed;
    if (!Object.keys(typed).length) return;
    for (const name in shopper) if (shopper[name] === '') shopper[name] = null;
    const lines = items.map((line, index) => (index ? line : { ...line, message }));
    try {
      state.checkout = await change({ shopper, ...(message !== undefined && { items: lines }) });
      form.markSaved(typed);
    } catch (error) {
      if (!form.refuse(error.errors)) throw error;
    }
  });
}

/** Shows the checkout as the service has it. */
function show(cause) {
  const { store, payment } = state.checkout;
  $('details').hidden = $('place').hidden = false;
  mark();
  note('chosen', `${store.name}, ${addressOf(store)}`);
  showTotals();
  $('payment-step').hidden = !payment;
  carry();
  placing.showCard();
  state.host?.update(state.checkout, cause);
  tellOthers();
  if (cause === 'fulfillment') placing.isStuck('');
}

/** The details of an order that another store declined are carried over, unless the shopper types them anew. */
function carry() {
  const { back, anew } = state.record;
  if (!back) return;
  const { first_name, last_name, email } = state.checkout.shopper;
  $('carried-name').textContent = `${first_name} ${last_name}, ${email}`;
  $('carried').hidden = anew;
  for (const group of $$('#details .group')) group.hidden = group.disabled = !anew;
  const { message } = $('details').elements;
  message.parentElement.hidden = message.disabled = true; // Its items are that order's, with what was written to them.
}

/** To the order that this checkout would have rescued, which knows what can be done now; whether there is one. */
function goBack() {
  const { back } = state.record;
  if (back) location.assign(back);
  return back;
}

function showTotals() {
  const { totals, items: lines, payment } = state.checkout;
  const [label, amount] = $('place').children;
  label.textContent = state.busy ? words.placing : payment ? words.place : words.reserve;
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
  if (!state.record.id) return;
  try {
    [state.checkout] = await Promise.all([askCheckout(), loadPlacing()]);
    const { shopper, items: lines } = state.checkout;
    const { first_name, is_opt_in_consent, is_opt_in_consent_brand } = shopper;
    const consents = { first_name, is_opt_in_consent, is_opt_in_consent_brand };
    const known = state.record.back ? consents : { ...shopper, message: lines[0].message };
    form.fill({ ...known, ...state.record.typed });
    form.markSaved(known);
    show('messages');
    placing.resume();
  } catch (error) {
    if (error.code === 'not_found') goBack() || forget();
    else say('service_down', ['retry', () => (hush(), resume())]);
  }
}

function forget() {
  state.checkout = null;
  keep({ id: null, token: null, opening: null, agreed: null, place: null, told: null, back: null });
}

/** A new checkout at the same store; what was typed stays. */
async function restart() {
  if (goBack()) return;
  const { store, path_to_purchase } = state.checkout;
  forget();
  form.markSaved(Object.fromEntries(Object.keys(form.values()).map((name) => [name, ''])));
  await moveTo({ store_id: store.id, path_to_purchase });
}

/** Marks every field with a fault, and says so above them; whether there is none. */
function isFilled() {
  const lines = form.faults().map(({ field, text }) => {
    const line = $('problem-link').content.firstElementChild.cloneNode(true);
    Object.assign(line.firstElementChild, { href: `#${field.id}`, textContent: text });
    line.onclick = (event) => (event.preventDefault(), field.focus());
    return line;
  });
  $$('#problem ul')[0].replaceChildren(...lines);
  if (lines.length) bringForward($('problem'));
  return !lines.length;
}

// Placing: nobody needs it, the card and Stripe.js before a store is chosen.

function loadPlacing() {
  loading ??= import('./checkout-placing.js').then(
    ({ createPlacing }) => {
      const parts = { form, save, show, showTotals, search, resume, restart, isFilled };
      placing = createPlacing(parts);
    },
    (error) => {
      loading = null;
      throw Object.assign(error, { code: 'connection_lost' });
    },
  );
  return loading;
}

function refuse(error, again) {
  if (placing) placing.refuse(error, again);
  else say('offline', ['retry', again]);
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
  on('details', 'submit', still(() => placing.order()));
  on('details', 'input', () => keep({ typed: form.values() }));
  on('change-details', 'click', () => {
    keep({ anew: true });
    show('messages');
    $('details').elements.email.focus();
  });
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
  const { record: { id, token }, checkout } = state;
  others?.postMessage({ id, token, version: checkout.version, isOpen: isOpen(checkout) });
}

async function hear({ data }) {
  const { record, checkout, busy } = state;
  if (data.isNew) return checkout && tellOthers();
  if (!record.id && data.isOpen) keep({ id: data.id, token: data.token });
  if (record.id === data.id && !busy && data.version !== checkout?.version) await resume();
}

function prefill({ name = '', postal_code, ...known }) {
  const [, first_name, last_name] = /^(.*?)\s*(\S*)$/.exec(name.trim());
  form.fill({ first_name, last_name, zip: postal_code, ...known });
  save();
  if (!postal_code || $('q').value) return;
  $('q').value = postal_code;
  search(typedSearch());
}

/** What a page of the bank added to the address when it sent the shopper back; it does not stay there. */
function takeReturn() {
  const address = new URL(location);
  const told = Object.fromEntries(address.searchParams);
  if (!told.setup_intent) return null;
  for (const name in told) if (/^(setup_intent|redirect_status)/.test(name)) address.searchParams.delete(name);
  history.replaceState(null, '', address);
  return told;
}

async function start() {
  const returned = takeReturn();
  try {
    state.record = JSON.parse(sessionStorage.getItem(storage)) ?? {};
    others = new BroadcastChannel(storage);
  } catch {
    keep({});
  }
  bind();
  const { search: left, from } = state.record;
  const restored = left && from === location.search && search(left);
  if ('framed' in page) {
    const { connect } = await import('./checkout-embed.js');
    state.host = connect({ onPrefill: prefill, onClose: () => save().catch(() => {}) });
  }
  form.fill(state.record.typed ?? {});
  if (!state.record.id) {
    others?.postMessage({ isNew: true });
    await pause(0.1);
  }
  await restored;
  await resume();
  if (returned) await loadPlacing().then(() => placing.comeBack(returned));
  if (!state.checkout && chosen('store')) await move();
  state.host?.start(state.checkout);
}

start();
