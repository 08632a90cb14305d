// The panel: what the checkout tells this page, newest first.
const NAMES = ['start', 'update', 'complete', 'error', 'close'];
const list = document.getElementById('events');

function show(event) {
  const item = document.createElement('li');
  const details = document.createElement('details');
  const summary = document.createElement('summary');
  const code = document.createElement('pre');
  summary.append(Object.assign(document.createElement('b'), { textContent: event.type }), ` ${aboutIt(event.detail)}`);
  code.textContent = JSON.stringify(event.detail, null, 2);
  code.tabIndex = 0;
  details.append(summary, code);
  item.append(details);
  list.prepend(item);
  document.getElementById('silence').hidden = true;
}

function aboutIt({ cause, checkout, order, error }) {
  const total = checkout?.totals?.total;
  const money = total && new Intl.NumberFormat('en-US', { style: 'currency', currency: total.currency });
  const said = money && cause === 'totals' ? money.format(total.amount / 100) : (checkout?.store?.name ?? '');
  return error?.code ?? order?.id ?? [cause === 'start' ? '' : cause, said].filter(Boolean).join(': ');
}

for (const name of NAMES) document.addEventListener(`checkout-${name}`, show);
