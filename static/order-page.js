/**
 * The order page keeps itself up to date: it asks for itself every 20 seconds while it is looked at, until nothing more
 * will happen, and takes over what has changed.
 */

const SECONDS = 20;
const $ = (id) => document.getElementById(id);
const isOver = () => $('order').dataset.final === 'true';
const standing = () => $('order').querySelector('.status')?.textContent?.trim() ?? '';

async function refresh() {
  const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(SECONDS * 1000) });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('order');
  if (!fresh || fresh.innerHTML === shown) return;
  shown = fresh.innerHTML;
  takeOver(fresh);
}

/** The new text, with the focus where it was; a new standing is also said aloud. */
function takeOver(fresh) {
  const before = standing();
  const links = () => [...$('order').querySelectorAll('a, button')];
  const focused = links().indexOf(/** @type {HTMLElement} */ (document.activeElement));
  $('order').replaceWith(document.adoptNode(fresh));
  if (focused >= 0) links()[focused]?.focus();
  if (standing() !== before) $('live').textContent = standing();
}

async function look() {
  if (!isOver() && !document.hidden) await refresh().catch(() => {}); // The next look may reach us again.
}

/** The order as the server wrote it last. */
let shown = $('order').innerHTML;
$('print').hidden = false;
$('print').addEventListener('click', () => window.print());
setInterval(look, SECONDS * 1000);
document.addEventListener('visibilitychange', look);
