/**
 * The order page keeps itself up to date: it asks for itself while it is looked at, every 5 seconds at first and every
 * minute when nothing happens, and takes over what has changed. A click on another store opens a checkout there.
 */

const SOON = 5;
const LATE = 60;
const $ = (id) => document.getElementById(id);
const standing = () => $('order').querySelector('.status').textContent.trim();

let version = '';
let wait = SOON;
let timer = 0;
let isBuying = false;

/** The page as it is now; false where it is the same as before. */
async function read() {
  const answer = await fetch(location.href, {
    headers: version ? { 'If-None-Match': version } : {},
    cache: 'no-store',
    signal: AbortSignal.timeout(20000),
  });
  if (answer.status === 304) return false;
  if (!answer.ok) throw answer;
  version = answer.headers.get('ETag') ?? '';
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('order');
  if (!fresh) throw answer;
  return fresh.textContent !== $('order').textContent && takeOver(fresh);
}

/** The new text, with focus, place and what was unfolded as they were; what is new is also said aloud. */
function takeOver(fresh) {
  const before = standing();
  const focused = document.activeElement?.id;
  const unfolded = [...$('order').querySelectorAll('details[open]')].map(({ id }) => id);
  const place = scrollY;
  $('order').replaceWith(document.adoptNode(fresh));
  for (const id of unfolded) $(id)?.setAttribute('open', '');
  if (focused) $(focused)?.focus({ preventScroll: true });
  scrollTo({ top: place, behavior: 'instant' });
  equip();
  $('live').textContent = standing() === before ? $('live').dataset.news : standing();
  return true;
}

function tell(words) {
  const time = new Intl.DateTimeFormat($('order').dataset.lang, { timeStyle: 'short' }).format(checkedAt);
  $('checked').textContent = words.replace('{time}', time);
  $('checked').hidden = false;
}

let checkedAt = new Date();

/** Looks, then plans the next look: later and later while there is nothing new, or nobody answers. */
async function look() {
  clearTimeout(timer);
  if (document.hidden || isBuying) return plan();
  try {
    const isNew = await read();
    checkedAt = new Date();
    tell($('checked').dataset.checked);
    wait = isNew ? SOON : Math.min(wait * 1.5, LATE);
  } catch {
    tell($('checked').dataset.failed);
    wait = Math.min(wait * 2, LATE);
  }
  plan();
}

/** What has ended is looked at again when somebody comes back to the page: something may be paid back. */
function plan() {
  clearTimeout(timer);
  if ($('order').dataset.final !== 'true') timer = setTimeout(look, wait * 1000);
}

/** Opens a checkout at another store, and goes there. Clicking again repeats the same request. */
async function buy(button) {
  if (isBuying) return;
  isBuying = true;
  $('rescue-error').hidden = $('rescue-waits').hidden = true;
  button.ariaBusy = 'true';
  try {
    const { store, path, upcs } = button.dataset;
    button.dataset.key ??= crypto.randomUUID();
    const answer = await fetch(`${$('order').dataset.path}/rescues`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': button.dataset.key },
      body: JSON.stringify({ store_id: Number(store), path_to_purchase: path, upcs: upcs.split(',') }),
      signal: AbortSignal.timeout(30000),
    });
    if (!answer.ok) throw answer;
    const { id, token, items } = await answer.json();
    const cart = items.map(({ upc, quantity }) => `${upc}:${quantity}`).join(',');
    // Where the checkout page looks for its checkout; it leads back here if that one comes to nothing.
    sessionStorage.setItem(`checkout ${cart}`, JSON.stringify({ id, token, back: $('order').dataset.path }));
    const { without } = $('rescue').dataset; // The stores that said no are not among those to choose from.
    const { lang } = $('order').dataset;
    location.assign(`/checkout?items=${cart}&store=${store}&path=${path}&without=${without}&lang=${lang}`);
  } catch (error) {
    if (error.status) delete button.dataset.key; // Refused: the next click is another try.
    const code = error.status && (await error.json().catch(() => ({}))).code;
    // What may have become an order meanwhile is not said to be none.
    $(code === 'placing' ? 'rescue-waits' : 'rescue-error').hidden = false;
    if (error.status) comeBack();
  }
  button.ariaBusy = null;
  isBuying = false;
}

/** What needs the script appears with it. */
function equip() {
  for (const button of document.querySelectorAll('[data-store]')) {
    button.hidden = false;
    button.onclick = () => buy(button);
  }
}

function comeBack() {
  if (document.hidden) return;
  wait = SOON;
  look();
}

equip();
$('print').hidden = false;
$('print').onclick = () => print();
document.addEventListener('visibilitychange', comeBack);
addEventListener('pageshow', ({ persisted }) => persisted && comeBack());
plan();
