/**
 * The card: Stripe.js, its Payment Element, and the wallets where Stripe offers them. Nothing is created at Stripe
 * until the shopper submits.
 */

const NEVER = { name: 'never', email: 'never', phone: 'never', address: 'never' };

/** @type {Promise<any> | null} */
let loading = null;

/** Stripe.js, once; a failure is forgotten, so that the next call tries again. @param {string} src */
function loadStripe(src) {
  loading ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), { src });
    const fail = () => {
      loading = null;
      script.remove();
      reject(new Error('Stripe.js did not load'));
    };
    setTimeout(() => window.Stripe || fail(), 20000);
    script.onerror = fail;
    script.onload = () => resolve(window.Stripe);
    document.head.append(script);
  });
  return loading;
}

/**
 * @param {DOMStringMap} page with `stripeJs` and `lang`
 * @param {HTMLElement} box @param {HTMLElement} wallets
 * @param {{change(): void, escape(): void, failed(): void, wallet(event: any): void, mayPay(): boolean}} on
 */
export function createCard(page, box, wallets, on) {
  let stripe, elements, payment, wallet;
  let wanted = 'null';
  const wait = (busy) => (box.ariaBusy = Boolean(busy));

  function unmount() {
    payment?.destroy();
    wallet?.destroy();
    payment = wallet = null;
    wallets.hidden = true;
  }

  function mount(Stripe, { publishable_key, account, currency, methods, isAsking }) {
    stripe = Stripe(publishable_key, { locale: page.lang, ...(account && { stripeAccount: account }) });
    elements = stripe.elements({
      mode: 'setup',
      currency: currency.toLowerCase(),
      allowedPaymentMethodTypes: methods,
      appearance: appearance(),
    });
    payment = elements.create('payment', {
      layout: 'tabs',
      ...(!isAsking && { fields: { billingDetails: NEVER } }),
      wallets: { applePay: 'never', googlePay: 'never' },
    });
    payment.on('ready', () => wait(false));
    payment.on('loaderror', fail);
    payment.on('change', on.change);
    payment.on('escape', on.escape);
    payment.mount(box);
    wallet = elements.create('expressCheckout');
    wallet.on('ready', ({ availablePaymentMethods }) => (wallets.hidden = !availablePaymentMethods));
    wallet.on('click', (event) => (on.mayPay() ? event.resolve() : event.reject()));
    wallet.on('confirm', on.wallet);
    wallet.mount(wallets);
  }

  function fail() {
    unmount();
    wanted = 'null';
    wait(false);
    on.failed();
  }

  matchMedia('(prefers-color-scheme: dark)').onchange = () => payment && elements.update({ appearance: appearance() });

  return {
    isShown: () => Boolean(payment),
    focus: () => payment?.focus(),

    /** Takes the card as this checkout's `payment` wants it, anew only where that differs. */
    async show(how) {
      const name = JSON.stringify(how);
      if (name === wanted) return;
      wanted = name;
      unmount();
      wait(how);
      if (!how) return;
      try {
        const Stripe = await loadStripe(page.stripeJs);
        if (wanted === name) mount(Stripe, how);
      } catch {
        if (wanted === name) fail();
      }
    },

    /** Whether Stripe finds the card complete; if not, its own words stand in its form. */
    isComplete: async () => !(await elements.submit()).error,

    /** Gives the card to Stripe, 3-D Secure included; `{setupIntent}` or `{error}`. */
    confirm: (clientSecret, billing_details) =>
      stripe.confirmSetup({
        elements,
        clientSecret,
        redirect: 'if_required',
        confirmParams: { return_url: location.href, ...(billing_details && { payment_method_data: { billing_details } }) },
      }),
  };
}

/** Our CSS variables, as Stripe's `appearance`. */
function appearance() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    theme: style.colorScheme === 'dark' ? 'night' : 'stripe',
    variables: {
      colorPrimary: of('link'),
      colorBackground: of('background'),
      colorText: of('text'),
      colorDanger: of('danger'),
      borderRadius: of('radius'),
      fontFamily: of('font'),
    },
    rules: { '.Input': { border: `1px solid ${of('border')}`, padding: '12px' } },
  };
}
