// Types and explanations: checkout.d.ts
(() => {
  const { currentScript } = document;
  if (!currentScript || customElements.get('local-checkout')) return;
  const { origin } = new URL(currentScript.src);
  const ucp = { version: '2026-08-25', status: 'success' };
  const NAMES = 'items upc quantity postalCode appearance src mode label successUrl'.split(' ');
  const WORDS = {
    en: ['Buy at a local store', 'Close'],
    fr: ['Acheter en magasin', 'Fermer'],
    es: ['Comprar en tienda', 'Cerrar'],
  };
  const language = (element) => element.closest('[lang]')?.lang;
  const dashed = (name) => name.replace(/[A-Z]/, '-$&').toLowerCase();
  const make = (tag, values) => Object.assign(document.createElement(tag), values);
  const copy = ({ dataset }, element) => {
    for (const name of NAMES) if (dataset[name]) element[name] = dataset[name];
  };

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
iframe { display: block; width: 100%; border: 0; min-height: var(--local-checkout-min-height, 40rem) }
dialog { width: 64rem; height: 60rem; max-width: 100%; padding: 0; border: 0; border-radius: 1rem }
dialog iframe { height: 100%; min-height: 0 }
button { position: absolute; right: 0; padding: 1rem }
::backdrop { background: #0008 }`);

  class LocalCheckout extends HTMLElement {
    static observedAttributes = ['lang', ...NAMES.map(dashed)];
    checkout = null;
    error = null;

    constructor() {
      super();
      let { prefill } = this;
      let frame, port, timer, shown, busy, done, title;
      const isModal = () => this.mode === 'modal';

      const tell = (method, params) => port?.postMessage({ jsonrpc: '2.0', method, params });
      const fire = (name, detail, cancelable) => {
        const event = new CustomEvent('checkout-' + name, { detail, cancelable, bubbles: true, composed: true });
        return (this.link || this).dispatchEvent(event);
      };
      const fail = (code, message) => {
        this.error = { code, message, url: this.url };
        if (!this.link && !this.firstElementChild) this.append(make('a', { href: this.url, textContent: title }));
        if (!isModal()) shadow.prepend(slot);
        fire('error', { error: this.error });
      };
      const expect = (milliseconds, code, message) => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          frame.remove();
          dialog.close();
          fail(code, message);
        }, milliseconds);
      };

      const mount = () => {
        if (frame || !(this.items || this.upc || this.src)) return;
        shown = this.url;
        [title, button.textContent] = WORDS[(language(this) || navigator.language).slice(0, 2)] ?? WORDS.en;
        frame = make('iframe', {
          src: `${shown}&ec_version=${ucp.version}&ec_delegate=frame.${isModal() ? 'close' : 'scroll'}&ec_color_scheme=${this.appearance}`,
          title: this.label || title,
          allow: 'payment *; publickey-credentials-get *; geolocation',
          sandbox: 'allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox',
          // A page that was refused loads too, and nobody is told why it was.
          onload: () => port || expect(3000, 'load_failed', `Is ${location.origin} among CHECKOUT_ORIGINS?`),
        });
        expect(20000, 'timeout', 'No answer');
        addEventListener('message', hear);
        if (!isModal()) slot.remove();
        (isModal() ? dialog : shadow).append(frame);
      };
      const unmount = () => {
        clearTimeout(timer);
        removeEventListener('message', hear);
        frame?.remove();
        frame = port = busy = done = this.checkout = null;
      };

      const hear = (event) => {
        const { source, data } = event;
        if (event.origin !== origin || source !== frame.contentWindow || data?.method !== 'ec.ready') return;
        clearTimeout(timer);
        const { port1, port2 } = new MessageChannel();
        port = port1;
        port.onmessage = ({ data: { id, method, params } }) => {
          if (id) port.postMessage({ jsonrpc: '2.0', id, result: { ucp } });
          const { checkout } = params;
          const [, cause, change] = method.split('.');
          if (checkout) {
            this.checkout = checkout;
            this.error = null;
            if (!isModal()) slot.remove();
          }
          if (acts[method]) acts[method](params);
          else fire(change ? 'update' : cause, { checkout, cause });
        };
        const result = { ucp, upgrade: { port: port2 } };
        source.postMessage({ jsonrpc: '2.0', id: data.id, result }, origin, [port2]);
      };
      const acts = {
        'ec.ready': ({ title }) => {
          frame.title = dialog.ariaLabel = this.label || title;
          if (prefill) this.prefill = prefill;
          button.hidden = true;
          if (dialog.open) this.focus();
        },
        'ec.complete': ({ checkout, origins }) => {
          done = true;
          const { order } = checkout;
          if (!fire('complete', { checkout, order }, true) || !this.successUrl) return;
          const next = new URL(this.successUrl, location);
          next.searchParams.set('order', order.id);
          if ([location.origin, ...origins].includes(next.origin)) location = next;
        },
        'ec.error': ({ error: { messages: [{ code, content }] } }) => fail(code, content),
        'ec.frame.change': (params) => {
          busy = params.busy;
          if (!isModal()) frame.style.height = params.height + 'px';
        },
        'ec.frame.close_request': () => this.close(),
        'ec.frame.scroll_request': ({ top }) => scrollBy(0, frame.getBoundingClientRect().top + top - 99),
      };

      const slot = make('slot');
      const button = make('button', { onclick: () => this.close() });
      const dialog = make('dialog', {
        closedBy: 'any',
        oncancel: (event) => {
          event.preventDefault();
          this.close();
        },
        onclose: () => {
          document.body.style.overflow = '';
          if (done || this.error) unmount();
        },
      });
      const shadow = this.attachShadow({ mode: 'open', delegatesFocus: true });
      shadow.adoptedStyleSheets = [sheet];
      shadow.append(slot, dialog);
      dialog.append(button);

      Object.defineProperty(this, 'prefill', {
        get: () => prefill,
        set: (value) => {
          prefill = value;
          tell('ec.prefill.change', { prefill });
        },
      });
      this.renew = () => {
        if (this.isConnected && (busy || done || shown === this.url)) return;
        unmount();
        if (!this.isConnected) dialog.close();
        else if (dialog.open || !isModal()) mount();
      };
      this.open = () => {
        if (isModal() && !dialog.open) {
          document.body.style.overflow = 'hidden';
          dialog.showModal();
        }
        mount();
        if (port) this.focus();
      };
      this.close = () => {
        if (busy || !dialog.open || !fire('close', { checkout: this.checkout }, !done)) return;
        tell('ec.frame.close_request', {});
        dialog.close();
      };
    }

    connectedCallback() {
      this.renew();
    }

    disconnectedCallback() {
      this.renew();
    }

    attributeChangedCallback() {
      this.renew();
    }

    get url() {
      const { items, upc, quantity, postalCode: q, appearance } = this;
      const query = { items, upc, quantity, q, appearance, lang: language(this) };
      const url = new URL(this.src || '/checkout', origin);
      if (url.origin !== origin) throw new TypeError('src: not on ' + origin);
      for (const name in query) if (query[name] && !url.searchParams.has(name)) url.searchParams.set(name, query[name]);
      return url.href;
    }
  }
  for (const name of NAMES) {
    Object.defineProperty(LocalCheckout.prototype, name, {
      get() {
        return this.getAttribute(dashed(name)) || '';
      },
      set(value) {
        this.setAttribute(dashed(name), value);
      },
    });
  }
  customElements.define('local-checkout', LocalCheckout);

  addEventListener('click', (event) => {
    const link = event.target.closest('a[data-local-checkout], local-checkout[mode=modal] :is(a, button)');
    if (!link || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey) return;
    let element = link.closest('local-checkout');
    if (!element) {
      if (link.origin !== origin) return;
      element = link.localCheckout ??= make('local-checkout', { link, mode: 'modal' });
      copy(link, element);
      element.src = link.href;
      document.body.append(element);
    }
    if (element.error) return;
    event.preventDefault();
    link.focus();
    element.open();
  });

  const upgrade = () => {
    for (const div of document.querySelectorAll('div[data-local-checkout]')) {
      const element = make('local-checkout');
      copy(div, element);
      element.append(...div.childNodes);
      div.replaceWith(element);
    }
  };
  upgrade();
  addEventListener('DOMContentLoaded', upgrade);
})();
