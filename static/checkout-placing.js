/**
 * From the card to the order. A request to place is kept under one key until its final answer, so that repeating it
 * never makes a second order.
 */
import { createCard } from './checkout-card.js';
import { $, $$, addressOf, ask, askCheckout, bringForward, button, hush, isOpen, keep } from './checkout-talk.js';
import { money, note, page, pause, say, state, words } from './checkout-talk.js';

/** @param {any} parts of the page: its form, and what it does with the checkout */
export function createPlacing({ form, save, show, showTotals, search, resume, restart, isFilled }) {
  const card = createCard(page, $('payment'), $('express'), {
    change: () => tellCard(''),
    escape: () => state.host?.close(),
    failed: tellBlocked,
    wallet: async (event) => (await order()) || event.paymentFailed(),
    mayPay: isFilled,
  });

  /** With carried details Stripe asks for what it needs: the page knows them masked. */
  const isCarried = () => Boolean(state.record.back && !state.record.anew);

  function showCard() {
    const { status, payment } = state.checkout;
    card.show(status === 'placed' ? null : payment && { ...payment, isAsking: isCarried() });
  }

  function tellCard(text, ...actions) {
    note('payment-error', text);
    $('payment-error').append(...actions.map(button));
  }

  function tellBlocked() {
    tellCard(words.stripe_blocked, ['retry', () => (tellCard(''), showCard())]);
    state.host?.error({ code: 'payment_unavailable', message: words.stripe_blocked });
  }

  /** Takes what the service answered, and shows it. */
  function take(checkout) {
    state.checkout = checkout;
    show('messages');
  }

  function setBusy(now) {
    state.busy = now;
    state.host?.busy(Boolean(now));
    $('place').classList.toggle('is-busy', now);
    $('place').ariaDisabled = Boolean(now);
    showTotals();
  }

  /** From the button to the request; whether it came to that. A second press meanwhile does nothing. */
  async function order() {
    if (state.busy) return;
    hush();
    if (!isFilled()) return;
    setBusy('checking');
    try {
      await save();
      if (isFilled() && !goesOn() && !isStuck() && (await takeCard())) {
        send();
        return true;
      }
    } catch (error) {
      refuse(error, order);
    }
    if (state.busy === 'checking') setBusy('');
  }

  /** Lets Stripe take the card, and keeps what is to be placed now. */
  async function takeCard() {
    const { totals, payment, shopper } = state.checkout;
    const body = { expected_total: totals.total };
    if (payment) {
      if (!card.isShown()) return tellBlocked();
      if (!(await card.isComplete())) return card.focus();
      const { client_secret } = await askCheckout('/setup-intent', {});
      keep({ agreed: body }); // A page of the bank may come between.
      const known = state.record.back ? form.values() : shopper;
      const { setupIntent, error } = await card.confirm(client_secret, isCarried() ? undefined : billing(known));
      const taken = setupIntent ?? error.setup_intent;
      if (taken?.status !== 'succeeded') return declined(error);
      body.setup_intent_id = taken.id;
    }
    keep({ place: { body, key: crypto.randomUUID() } });
    return true;
  }

  /** Back from a page of the bank: the order that was asked for goes on. */
  async function comeBack({ setup_intent, redirect_status }) {
    if (!state.checkout) return say('setup_intent_invalid');
    if (!isOpen(state.checkout)) return;
    const { agreed } = state.record;
    if (redirect_status !== 'succeeded' || !agreed) return declined();
    keep({ place: { body: { ...agreed, setup_intent_id: setup_intent }, key: crypto.randomUUID() } });
    hush();
    await send();
  }

  function declined(error) {
    if (error?.type === 'validation_error') return card.focus();
    if (error?.type === 'api_connection_error') return say('offline', ...answers('retry', order));
    const isBank = !error || error.code === 'setup_intent_authentication_failure';
    say(isBank ? 'authentication_failed' : 'card_declined', ...answers('new_card'));
    tellCard(error?.message ?? '');
  }

  /** Places with the kept key. After a broken connection the very same request is repeated. */
  async function send(tries = 1) {
    const { key, body } = state.record.place;
    setBusy('placing');
    const slow = setTimeout(say, 4000, 'confirming');
    try {
      const now = await askCheckout('/place', body, { seconds: 40, 'Idempotency-Key': key, Prefer: 'wait=25' });
      setBusy('');
      take(now);
      goesOn();
    } catch (error) {
      if (error.code === 'connection_lost' && tries < 5) return pause(tries).then(() => send(tries + 1));
      setBusy('');
      hush();
      refuse(error, send);
    } finally {
      clearTimeout(slow);
    }
  }

  /** Whether the checkout is no longer the shopper's to change; then the page goes on with what became of it. */
  function goesOn() {
    const { status } = state.checkout;
    if (status === 'placed') finish(state.checkout);
    if (status === 'placing') follow();
    if (status === 'canceled') say('canceled', ...answers('restart'));
    if (status === 'expired') say(state.busy ? 'order_not_placed' : 'checkout_expired', ...answers('restart'));
    return !isOpen(state.checkout);
  }

  /** Waits for an outcome that is not known yet. Nothing is sent again meanwhile. */
  async function follow() {
    if (state.busy === 'placing') return;
    setBusy('placing');
    let said = '';
    for (let seconds = 2; state.checkout.status === 'placing'; seconds = Math.min(seconds + 1, 10)) {
      const isInReview = state.checkout.problems.some(({ code }) => code === 'order_in_review');
      const what = isInReview ? 'still_confirming' : 'confirming';
      if (what !== said) say((said = what));
      await pause(seconds);
      state.checkout = await askCheckout().catch(() => state.checkout);
    }
    hush();
    show('messages');
    offerToGoOn();
    setBusy('');
  }

  /** Goes on with what became of a checkout; one that may have been about to be placed is the shopper's to decide. */
  function offerToGoOn() {
    if (!goesOn() && state.record.place) say('interrupted', ['place_now', send]);
  }

  /** Whether something but the shopper's fields keeps it from being placed; then it is said. */
  function isStuck(aside = 'card_needed') {
    const told = state.checkout.problems.find(({ code }) => code !== aside && code in words.conversations);
    if (told) say(told.code, ...answers(told.code === 'card_needed' ? 'new_card' : 'choose_store'));
    return told;
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
    const phone = state.checkout?.store.phone;
    const call = () => (state.host ? state.host.openWindow(`tel:${phone}`) : (location.href = `tel:${phone}`));
    return all[next] ? [[next, all[next]]] : [['retry', all.retry], ...(phone ? [['call', call]] : [])];
  }

  /** A refusal is a conversation: what the service says, and what to do next. `again` repeats what failed. */
  function refuse(error, again) {
    const { code, next, checkout } = error;
    if (!code) throw error; // A fault of this page.
    state.request = error.instance?.split(':').pop();
    if (checkout) take(checkout);
    if (code === 'not_rescuable') return restart();
    if (['new_card', 'choose_store', 'restart'].includes(next)) keep({ place: null });
    if (next === 'restart') state.host?.error({ code: 'session_expired', message: error.message });
    else if (checkout && goesOn()) return;
    else if (next === 'wait') return resume();
    if (next === 'choose_store') search(undefined, 'reload');
    if (form.refuse(error.errors) && !isFilled()) return;
    const what = code === 'connection_lost' ? 'offline' : next === 'retry' ? 'service_down' : 'contact';
    say(words.conversations[code] ? code : what, ...answers(next, again));
  }

  function acceptTotal() {
    hush();
    state.record.place.body.expected_total = state.checkout.totals.total;
    keep({});
    send();
  }

  return { order, refuse, isStuck, showCard, comeBack, resume: offerToGoOn };
}

const billing = ({ first_name, last_name, email, phone, address, address_2, city, state: region, zip, country }) => ({
  name: `${first_name} ${last_name}`,
  email,
  phone,
  address: { line1: address, line2: address_2 ?? '', city, state: region, postal_code: zip, country },
});

/** The confirmation, in the place of the form. */
async function finish({ store, totals, path_to_purchase, order, shopper }) {
  keep({ agreed: null, place: null, typed: null });
  const total = totals && money(totals.total);
  const known = { store: store.name, address: addressOf(store), total, email: shopper.email };
  const fill = () => $$('[data-fill]').forEach((cell) => (cell.textContent = known[cell.dataset.fill] ?? ''));
  for (const line of $$('[data-done]')) line.hidden = line.dataset.done !== path_to_purchase;
  $('order-link').href = order.url;
  $('checkout').hidden = true;
  fill();
  bringForward($('done'));
  if (!state.record.told) state.host?.complete(state.checkout, order);
  keep({ told: true });
  known.order = (await ask(`orders/${order.id}`, null, { token: order.token }).catch(() => order)).cart_hash ?? order.id;
  fill();
}
