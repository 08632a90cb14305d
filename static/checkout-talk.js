/**
 * What every part of the checkout page needs: what it remembers, how it asks the service, how it speaks to the shopper.
 */

export const $ = (id) => document.getElementById(id);
export const $$ = (selector) => [...document.querySelectorAll(selector)];
export const page = document.body.dataset;
export const words = JSON.parse($('words').textContent);
export const pause = (seconds) => new Promise((go) => setTimeout(go, seconds * 1000));

/**
 * `record` is what outlives a reload: id, token, opening, agreed, place, told, typed, search, from; and for what another
 * store declined, back (the page of that order) and anew (details are typed, not carried over). `checkout` is the service's, `host` the page around a frame, `busy` is `checking` or `placing` from the button to its answer.
 */
export const state = { record: {}, checkout: null, host: null, busy: '', request: '' };

export const storage = `checkout ${page.items}`;

export function keep(change) {
  Object.assign(state.record, change);
  try {
    sessionStorage.setItem(storage, JSON.stringify(state.record));
  } catch {
    note('storage-note', words.reload_starts_anew); // The record lives in this page alone.
  }
}

/** The one seam to the API. Raises its problem; `connection_lost` where no answer came. */
export async function ask(path, body, { method = 'POST', token = state.record.token, seconds = 30, ...headers } = {}) {
  const answer = await fetch(`/v1/${path}`, {
    ...(body && { method, body: JSON.stringify(body) }),
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers },
    signal: AbortSignal.timeout(seconds * 1000),
  }).catch(() => null);
  const told = await answer?.json().catch(() => null);
  if (told && answer.ok) return told;
  throw Object.assign(new Error(told?.detail), { code: 'connection_lost', errors: [] }, told);
}

export const askCheckout = (call = '', ...rest) => ask(`checkouts/${state.record.id}${call}`, ...rest);

export function note(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

export function money({ amount, currency }) {
  const format = new Intl.NumberFormat(page.locale, { style: 'currency', currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

export function fillIn(text) {
  const { totals, store } = state.checkout ?? {};
  const { name, phone } = store ?? {};
  const known = { amount: totals && money(totals.total), store: name, phone, request: state.request };
  return text.replace(/{(\w+)}/g, (_, word) => known[word] ?? '');
}

/** @param {[string, () => unknown]} action */
export function button([label, act]) {
  const made = $('action').content.firstElementChild.cloneNode();
  made.textContent = fillIn(words.actions[label]);
  made.onclick = () => act();
  return made;
}

/** Says what happened, and what the shopper may do: each action is `[word, function]`. */
export function say(what, ...actions) {
  const { title, text } = words.conversations[what];
  note('conversation-title', fillIn(title));
  note('conversation-text', fillIn(text));
  $$('#conversation .actions')[0].replaceChildren(...actions.map(button));
  bringForward($('conversation'));
  state.host?.update(state.checkout, 'messages');
}

export const hush = () => ($('conversation').hidden = $('problem').hidden = true);

export function bringForward(element) {
  element.hidden = false;
  element.focus();
  state.host?.scroll(element);
}

export const addressOf = ({ address: { address, city, state: region } }) => [address, city, region].filter(Boolean).join(', ');
export const isOpen = ({ status }) => status === 'incomplete' || status === 'ready';
