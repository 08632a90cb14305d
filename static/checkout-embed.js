/**
 * The page's side of the Embedded Checkout Protocol: JSON-RPC 2.0 with the page that frames it.
 *
 * @param {{onPrefill: (prefill: object) => void, onClose: () => void}} handlers
 * @returns null where nobody frames the page; what is told before the host has answered waits.
 */
export function connect({ onPrefill, onClose }) {
  if (parent === self) return null;
  const query = new URLSearchParams(location.search);
  const asked = query.get('ec_delegate')?.split(',') ?? [];
  const delegate = ['frame.close', 'frame.scroll', 'window.open'].filter((name) => asked.includes(name));
  const origins = document.body.dataset.embedOrigins?.split(' ') ?? [];
  const { tell, ask } = talk(origins, { delegate, title: document.title }, ({ method, params }) => {
    if (method === 'ec.prefill.change') onPrefill(params.prefill);
    if (method === 'ec.frame.close_request') onClose();
  });

  let said = '';
  let isBusy = false;
  let isCovered = false;
  let watching;
  const close = () => delegate.includes('frame.close') && ask('ec.frame.close_request');
  const scroll = (top) => delegate.includes('frame.scroll') && ask('ec.frame.scroll_request', { top });
  const resize = () => {
    // A bank's challenge covers the page and has to be seen: the frame is no higher than it needs.
    const height = isCovered ? 640 : document.documentElement.offsetHeight;
    tell('ec.frame.change', { height, busy: isBusy });
  };
  const look = () => {
    // No frame of the page's own stands at its very top.
    const isFrame = document.elementFromPoint(innerWidth / 2, 1)?.localName === 'iframe';
    if (isCovered === (isBusy && isFrame)) return;
    isCovered = !isCovered;
    resize();
    if (isCovered) scroll(0);
  };

  /** A new window, for phone numbers too: a frame that follows one itself may be lost. Gives whether there is one. */
  const openWindow = (url) => {
    if (delegate.includes('window.open')) return ask('ec.window.open_request', { url }), true;
    const opened = open(url);
    if (opened) opened.opener = null;
    return Boolean(opened);
  };

  new ResizeObserver(resize).observe(document.documentElement);
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[target], a[href^="tel:"]');
    if (!link) return;
    event.preventDefault();
    // Where the frame may open no window the address itself is shown, to be copied.
    if (!openWindow(link.href) && link.target) link.textContent = link.href;
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !event.defaultPrevented) close();
  });
  const button = document.getElementById('close');
  if (button && delegate.includes('frame.close')) {
    button.hidden = false;
    button.onclick = close;
  }

  return {
    start: (checkout) => tell('ec.start', { checkout: snapshot(checkout) }),
    update(checkout, cause) {
      const text = JSON.stringify(snapshot(checkout));
      if (text !== said) tell(`ec.${cause}.change`, { checkout: JSON.parse(text) });
      said = text;
    },
    complete(checkout, { id, url }) {
      tell('ec.complete', { checkout: { ...snapshot(checkout), order: { id, permalink_url: url } }, origins });
    },
    error({ code, message }) {
      const ucp = { version: query.get('ec_version'), status: 'error' };
      const messages = [{ type: 'error', code, content: message, severity: 'unrecoverable' }];
      tell('ec.error', { error: { ucp, messages, continue_url: location.href.replace(/&ec_[^&]*/g, '') } });
    },
    // While an order is being placed the host does not close.
    busy(busy) {
      isBusy = busy;
      clearInterval(watching);
      if (busy) watching = setInterval(look, 200);
      else look();
      resize();
    },
    close,
    openWindow,
    scroll: (element) => scroll(element.getBoundingClientRect().top + scrollY),
  };
}

/** What the host may know: nothing of the shopper, the card, or what was written to the store. */
function snapshot(checkout) {
  if (!checkout) return null;
  const { id, status, path_to_purchase, store, totals, expires_at } = checkout;
  const items = checkout.items.map(({ upc, quantity, name, unit_price, subtotal }) => {
    return { upc, quantity, name, unit_price, subtotal };
  });
  return { id, status, path_to_purchase, store: store && { id: store.id, name: store.name }, items, totals, expires_at };
}

/** `ec.ready` goes to the origins that may frame us, by name; the first that answers is the host. */
function talk(origins, params, hear) {
  const ready = { jsonrpc: '2.0', id: 'ready', method: 'ec.ready', params };
  const waiting = [];
  let send = (message) => waiting.push(message);
  let count = 0;

  const listen = ({ source, origin, data, ports: [port] }) => {
    if (source !== parent || !origins.includes(origin)) return;
    if (data.method) return hear(data);
    if (data.id !== ready.id || data.result?.ucp?.status !== 'success') return;
    send = (message) => (port ? port.postMessage(message) : parent.postMessage(message, origin));
    if (port) {
      removeEventListener('message', listen); // From here on nothing but the port counts.
      port.onmessage = (event) => event.data.method && hear(event.data);
      send(ready);
    }
    waiting.splice(0).forEach(send);
  };
  addEventListener('message', listen);
  // Where the browser tells who frames us, the others are spared a message.
  const host = location.ancestorOrigins?.[0];
  for (const origin of origins) if (!host || origin === host) parent.postMessage(ready, origin);

  return {
    tell: (method, params) => send({ jsonrpc: '2.0', method, params }),
    ask: (method, params = {}) => send({ jsonrpc: '2.0', id: ++count, method, params }),
  };
}
