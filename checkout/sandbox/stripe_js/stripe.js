// The sandbox's stand-in for Stripe.js, release train "endive": what a page needs to take a card for a SetupIntent.
//
// It keeps Stripe's rules, also those a page only meets when it breaks them, and throws where Stripe.js throws. Card
// fields stand in a frame of the sandbox's origin, as Stripe's stand in a frame of js.stripe.com. What a page called is
// in `window.__stripeCalls`. With `?wallets=google_pay` behind its address the Express Checkout Element has a button.
"use strict";

(() => {
  const SCRIPT = new URL(document.currentScript.src);
  const ORIGIN = SCRIPT.origin;
  const WALLETS = (SCRIPT.searchParams.get("wallets") ?? "").split(",").filter(Boolean);
  const API_VERSION = "2026-10-28.endive";
  const LOAD_MILLISECONDS = 10_000;
  const STRIPE_OPTIONS = ["apiVersion", "betas", "developerTools", "locale", "stripeAccount"];
  const LOCALES =
    "auto ar bg cs da de el en en-AU en-CA en-NZ en-GB es es-ES es-419 et fi fil fr fr-CA fr-FR he hu hr id it it-IT" +
    " ja ko lt lv ms mt nb nl no pl pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW";
  const SHARED = ["appearance", "customPaymentMethods", "fonts", "loader", "locale", "paymentMethodCreation"];
  const BY_SECRET = [...SHARED, "clientSecret", "customerOptions", "customerSessionClientSecret"];
  const DEFERRED = [
    ...SHARED,
    ...["allowedPaymentMethodTypes", "captureMethod", "currency", "customerSessionClientSecret"],
    ...["excludedPaymentMethodTypes", "mode", "onBehalfOf", "paymentMethodConfiguration", "setupFutureUsage"],
  ];
  const ELEMENT_OPTIONS = {
    payment: [
      ...["applePay", "business", "defaultValues", "fields", "layout", "paymentMethodOrder", "readOnly", "terms"],
      ...["walletOptions", "wallets"],
    ],
    expressCheckout: [
      ...["allowedShippingCountries", "applePay", "billingAddressRequired", "business", "buttonHeight", "buttonTheme"],
      ...["buttonType", "emailRequired", "layout", "lineItems", "paymentMethodOrder", "paymentMethods"],
      ...["phoneNumberRequired", "shippingAddressRequired", "shippingRates", "wallets"],
    ],
  };
  const APPEARANCE = ["disableAnimations", "inputs", "labels", "rules", "theme", "variables"];
  const ADDRESS = ["city", "country", "line1", "line2", "postal_code", "state"];
  const NO_CONNECTION = {
    type: "api_connection_error",
    message: "We are experiencing issues connecting to our payments provider. Please check your internet connection and try again.",
  };

  /** @type {{call: string, detail: unknown}[]} */
  const calls = (window.__stripeCalls = []);
  let frames = 0;

  class IntegrationError extends Error {
    constructor(message) {
      super(message);
      this.name = "IntegrationError";
    }
  }

  function note(call, detail = null) {
    calls.push({ call, detail });
  }

  function refuseUnknown(given, known, what) {
    for (const name of Object.keys(given)) {
      if (!known.includes(name)) {
        throw new IntegrationError(`Unrecognized ${what} parameter: ${name} is not a recognized parameter.`);
      }
    }
  }

  function checkLocale(locale) {
    if (locale !== undefined && !LOCALES.split(" ").includes(locale)) {
      console.warn(`[Stripe.js] "${locale}" is not a supported locale; the browser's language is used.`);
    }
  }

  function checkAppearance(appearance = {}) {
    refuseUnknown(appearance, APPEARANCE, "appearance");
    if (!["stripe", "night", "flat", undefined].includes(appearance.theme)) {
      throw new IntegrationError(`Invalid value for elements(): appearance.theme "${appearance.theme}".`);
    }
    for (const [name, value] of Object.entries(appearance.variables ?? {})) {
      // Stripe's frames cannot see the page's custom properties, and say so.
      if (typeof value !== "string" || value === "" || value.includes("var(")) {
        console.error(`[Stripe.js] appearance.variables.${name}: "${value}" is not a supported value.`);
      }
    }
  }

  /** A frame of the sandbox's origin, spoken to over a port of its own. */
  class Frame {
    constructor(path, title, onMessage) {
      this.element = document.createElement("iframe");
      this.element.name = `__privateStripeFrame${(frames += 1)}`;
      this.element.title = title;
      this.element.src = `${ORIGIN}/stripe-js/${path}`;
      this.element.allow = "payment *";
      this.onMessage = onMessage;
      this.waiting = new Map();
      this.asked = 0;
    }

    /** Put the frame into the page and greet it once it is loaded. */
    open(parent, greeting) {
      this.element.addEventListener("load", () => this.greet(greeting), { once: true });
      parent.append(this.element);
    }

    greet(greeting) {
      const { port1, port2 } = new MessageChannel();
      this.port = port1;
      port1.onmessage = ({ data }) => this.take(data);
      this.element.contentWindow.postMessage(greeting, ORIGIN, [port2]);
    }

    take(data) {
      if (data.answers) {
        this.waiting.get(data.answers)?.(data.result);
        this.waiting.delete(data.answers);
      } else {
        this.onMessage(data);
      }
    }

    tell(message) {
      this.port?.postMessage(message);
    }

    ask(message) {
      this.asked += 1;
      const answer = new Promise((resolve) => this.waiting.set(this.asked, resolve));
      this.tell({ ...message, number: this.asked });
      return answer;
    }

    close() {
      this.port?.close();
      this.element.remove();
    }
  }

  /** What both kinds of Element share: handlers, mounting, a frame. */
  class Element {
    constructor(type, group, options) {
      this.type = type;
      this.group = group;
      this.options = options;
      this.handlers = new Map();
      this.frame = null;
      this.isDestroyed = false;
    }

    on(event, handler) {
      this.handlers.set(event, [...(this.handlers.get(event) ?? []), handler]);
      return this;
    }

    once(event, handler) {
      const first = (detail) => {
        this.off(event, first);
        handler(detail);
      };
      return this.on(event, first);
    }

    off(event, handler) {
      const kept = (this.handlers.get(event) ?? []).filter((other) => handler !== undefined && other !== handler);
      this.handlers.set(event, kept);
      return this;
    }

    emit(event, detail = {}) {
      for (const handler of this.handlers.get(event) ?? []) {
        handler({ elementType: this.type, ...detail });
      }
    }

    mount(target) {
      this.refuseDestroyed();
      const place = typeof target === "string" ? document.querySelector(target) : target;
      if (!place) {
        throw new IntegrationError(`The selector you specified (${target}) applies to no DOM elements that are currently on the page. Make sure the element exists on the page before calling mount().`);
      }
      if (place.childNodes.length > 0) {
        console.warn("This Element will be mounted to a DOM element that contains child nodes.");
      }
      note("element.mount", this.type);
      place.replaceChildren();
      place.classList.add("StripeElement");
      this.place = place;
      this.show();
    }

    show() {
      this.frame = new Frame(this.path, this.title, (message) => this.take(message));
      // Without its scheme a frame in a dark page would be painted on an opaque ground of its own.
      const look = { border: "0", colorScheme: "light only", display: "block", height: "0" };
      // A little wider than its place, so that its outlines have room and its fields stand in line with the page's.
      Object.assign(look, { margin: "-4px", minWidth: "100%", width: "calc(100% + 8px)" });
      Object.assign(this.frame.element.style, look);
      this.loading = setTimeout(() => this.emit("loaderror", { error: NO_CONNECTION }), LOAD_MILLISECONDS);
      this.frame.open(this.place, this.greeting());
      queueMicrotask(() => this.emit("loaderstart"));
    }

    greeting() {
      return { appearance: this.group.options.appearance ?? {}, locale: this.group.locale, options: this.options };
    }

    take(message) {
      if (message.height) {
        this.frame.element.style.height = `${message.height}px`;
      } else if (message.event === "ready") {
        clearTimeout(this.loading);
        this.isReady = true;
        this.emit("ready", this.readyDetail());
      } else if (message.event) {
        this.emit(message.event, message.detail);
      }
    }

    readyDetail() {
      return {};
    }

    update(options) {
      this.refuseDestroyed();
      refuseUnknown(options, ELEMENT_OPTIONS[this.type], `${this.type} Element`);
      Object.assign(this.options, options);
      this.frame?.tell({ do: "update", ...this.greeting() });
      return this;
    }

    focus() {
      this.frame?.element.focus();
      this.frame?.tell({ do: "focus" });
    }

    blur() {
      this.frame?.element.blur();
    }

    clear() {
      this.frame?.tell({ do: "clear" });
    }

    unmount() {
      clearTimeout(this.loading);
      this.frame?.close();
      this.frame = null;
      this.isReady = false;
      this.place?.classList.remove("StripeElement");
    }

    destroy() {
      this.refuseDestroyed();
      note("element.destroy", this.type);
      this.unmount();
      this.isDestroyed = true;
      this.group.elements.delete(this.type);
    }

    refuseDestroyed() {
      if (this.isDestroyed) {
        throw new IntegrationError("This Element has already been destroyed. Please create a new one.");
      }
    }
  }

  class PaymentElement extends Element {
    path = "card";
    title = "Secure payment input frame";

    collapse() {}

    validate() {
      if (!this.isReady) {
        throw new IntegrationError("Invalid value for elements.submit(): the payment Element is not ready yet. Wait for its ready event.");
      }
      return this.frame.ask({ do: "validate" });
    }

    /** Every billing detail that the page kept out of the form has to be told by the page. */
    requireBillingDetails(given = {}) {
      for (const name of neverFields(this.options.fields?.billingDetails)) {
        const value = name.split(".").reduce((part, key) => part?.[key], given);
        if (value === undefined) {
          throw new IntegrationError(`You specified "never" for fields.billing_details.${name} when creating the payment Element, but did not pass confirmParams.payment_method_data.billing_details.${name} when calling stripe.confirmSetup(). If you opt out of collecting data via the payment Element using the fields option, the data must be passed in when calling stripe.confirmSetup().`);
        }
      }
    }
  }

  function neverFields(choice) {
    const all = { name: "never", email: "never", phone: "never", address: "never" };
    const chosen = choice === "never" ? all : typeof choice === "object" ? choice : {};
    const contact = ["name", "email", "phone"].filter((name) => chosen[name] === "never");
    const address = typeof chosen.address === "object" ? chosen.address : {};
    const parts = ADDRESS.filter((part) => {
      const camel = part === "postal_code" ? "postalCode" : part;
      return chosen.address === "never" || address[camel] === "never";
    });
    return [...contact, ...parts.map((part) => `address.${part}`)];
  }

  /** Apple Pay and Google Pay: a browser without wallets has none, which is what `ready` says then. */
  class ExpressCheckoutElement extends Element {
    path = "wallet";
    title = "Secure express checkout frame";

    show() {
      if (WALLETS.length > 0) {
        super.show();
      } else {
        setTimeout(() => this.emit("ready", this.readyDetail()));
      }
    }

    readyDetail() {
      const offered = { amazonPay: false, applePay: false, googlePay: WALLETS.includes("google_pay"), klarna: false };
      const available = WALLETS.length > 0 ? { ...offered, link: false, paypal: false } : undefined;
      return { availablePaymentMethods: available };
    }

    greeting() {
      return { ...super.greeting(), wallets: WALLETS };
    }

    take(message) {
      if (message.event === "press") {
        this.press(message.wallet);
      } else {
        super.take(message);
      }
    }

    /** The page has a second to say what the sheet may ask for; without its word no sheet opens. */
    press(wallet) {
      let isResolved = false;
      const resolve = () => {
        isResolved = true;
        setTimeout(() => this.confirm(wallet));
      };
      this.emit("click", { expressPaymentType: wallet, resolve, reject: () => {} });
      setTimeout(() => isResolved || console.error("[Stripe.js] click was not resolved within one second."), 1000);
    }

    confirm(wallet) {
      this.group.chosen = this;
      const billingDetails = { name: "Wanda Wallet", email: "wanda@example.com", phone: "+13125550188", address: {
        city: "Chicago", country: "US", line1: "233 S Wacker Dr", line2: null, postal_code: "60606", state: "IL" } };
      this.emit("confirm", { expressPaymentType: wallet, billingDetails, paymentFailed: () => note("paymentFailed") });
    }

    validate() {
      return {};
    }

    requireBillingDetails() {}
  }

  /** `stripe.elements()`: the Elements that one intent is confirmed with. */
  class Elements {
    constructor(stripe, options) {
      if ("paymentMethodTypes" in options || "payment_method_types" in options) {
        throw new IntegrationError("Invalid value for elements(): paymentMethodTypes is no longer supported. Use allowedPaymentMethodTypes instead.");
      }
      if (!options.mode && !options.clientSecret) {
        throw new IntegrationError("In order to create a payment element, you must pass a clientSecret or mode when creating the Elements group.");
      }
      refuseUnknown(options, options.clientSecret ? BY_SECRET : DEFERRED, "elements()");
      if (options.mode && options.mode !== "setup") {
        throw new IntegrationError(`The sandbox takes cards for SetupIntents only: mode is "${options.mode}".`);
      }
      checkLocale(options.locale);
      checkAppearance(options.appearance);
      this.stripe = stripe;
      this.options = options;
      this.locale = options.locale ?? stripe.options.locale ?? "auto";
      this.elements = new Map();
      this.isSubmitted = false;
    }

    create(type, options = {}) {
      if (!(type in ELEMENT_OPTIONS)) {
        throw new IntegrationError(`The sandbox has no Element of the type ${type}.`);
      }
      if (this.elements.has(type)) {
        throw new IntegrationError(`Can only create one Element of type ${type} through the same Elements group.`);
      }
      refuseUnknown(options, ELEMENT_OPTIONS[type], `${type} Element`);
      const Kind = type === "payment" ? PaymentElement : ExpressCheckoutElement;
      const element = new Kind(type, this, { ...options });
      this.elements.set(type, element);
      note("elements.create", type);
      return element;
    }

    getElement(type) {
      return this.elements.get(type) ?? null;
    }

    async update(options) {
      refuseUnknown(options, DEFERRED, "elements.update()");
      checkAppearance(options.appearance);
      Object.assign(this.options, options);
      for (const element of this.elements.values()) {
        element.frame?.tell({ do: "update", ...element.greeting() });
      }
    }

    async fetchUpdates() {
      return {};
    }

    on() {}

    async submit() {
      const element = this.chosen ?? this.elements.get("payment");
      if (!element) {
        throw new IntegrationError("elements.submit() needs a payment Element that is mounted.");
      }
      const result = await element.validate();
      note("elements.submit", result.error?.code ?? null);
      this.isSubmitted = !result.error;
      return result.error ? { error: result.error } : { selectedPaymentMethod: this.chosen ? "google_pay" : "card" };
    }
  }

  /** The shopper's answer to 3-D Secure, in a frame over the whole page. */
  function challenge(stripe, setupIntent) {
    return new Promise((resolve) => {
      const frame = new Frame("challenge", "Secure authentication frame", (message) => {
        if (message.event === "ready") {
          frame.element.focus();
        } else if (message.event === "answered") {
          frame.close();
          note("challenge", message.outcome);
          resolve();
        }
      });
      const place = { position: "fixed", inset: "0", width: "100%", height: "100%", border: "0" };
      Object.assign(frame.element.style, { ...place, zIndex: "2147483647", colorScheme: "normal" });
      const source = setupIntent.next_action.use_stripe_sdk.three_d_secure_2_source;
      frame.open(document.body, { locale: stripe.options.locale ?? "auto", form: { ...stripe.identity(), source, setup_intent: setupIntent.id } });
    });
  }

  class StripeStandIn {
    constructor(key, options) {
      this.key = key;
      this.options = options;
    }

    /** What every call to the API carries, as a browser sends it. */
    identity() {
      const account = this.options.stripeAccount;
      return { key: this.key, _stripe_version: API_VERSION, ...(account ? { _stripe_account: account } : {}) };
    }

    elements(options = {}) {
      note("stripe.elements", { ...options });
      return new Elements(this, { ...options });
    }

    async confirmSetup({ elements, clientSecret, confirmParams = {}, redirect = "always", ...rest }) {
      refuseUnknown(rest, [], "confirmSetup()");
      const secret = clientSecret ?? elements?.options.clientSecret;
      const billing = confirmParams.payment_method_data?.billing_details;
      const element = this.checkConfirmation(elements, secret, confirmParams, redirect, billing);
      note("stripe.confirmSetup", { redirect, returnUrl: confirmParams.return_url ?? null });
      elements.isSubmitted = false;
      elements.chosen = null;
      const { error, setupIntent } = await this.confirm(element, secret, confirmParams.return_url, billing);
      if (error || redirect !== "always") {
        return error ? { error } : { setupIntent };
      }
      location.assign(wayBack(confirmParams.return_url, setupIntent));
      return new Promise(() => {});
    }

    checkConfirmation(elements, secret, confirmParams, redirect, billing) {
      if (!elements) {
        throw new IntegrationError("stripe.confirmSetup() needs the elements that hold the card.");
      }
      if (!/^seti_[A-Za-z0-9]+_secret_[A-Za-z0-9]+$/.test(secret ?? "")) {
        throw new IntegrationError("Missing value for stripe.confirmSetup(): clientSecret should be the client secret of a SetupIntent.");
      }
      if (elements.options.mode && !elements.isSubmitted) {
        throw new IntegrationError("elements.submit() must be called and must succeed before stripe.confirmSetup().");
      }
      if (redirect === "always" && !confirmParams.return_url) {
        throw new IntegrationError("stripe.confirmSetup() needs confirmParams.return_url unless redirect is if_required.");
      }
      const element = elements.chosen ?? elements.getElement("payment");
      element.requireBillingDetails(billing);
      return element;
    }

    async confirm(element, secret, returnUrl, billing) {
      const { error: mismatch } = await this.compare(element.group, secret);
      if (mismatch) {
        return { error: mismatch };
      }
      const form = { ...this.identity(), client_secret: secret, use_stripe_sdk: "true" };
      if (returnUrl) {
        form.return_url = returnUrl;
      }
      const { error, setupIntent } = await element.frame.ask({ do: "confirm", form, billing: billing ?? {} });
      if (error || setupIntent.status !== "requires_action") {
        return { error, setupIntent };
      }
      await challenge(this, setupIntent);
      return this.afterChallenge(secret);
    }

    async afterChallenge(secret) {
      const { error, setupIntent } = await this.retrieveSetupIntent(secret);
      if (error || setupIntent.status !== "requires_payment_method") {
        return { error, setupIntent };
      }
      return { error: { ...setupIntent.last_setup_error, setup_intent: setupIntent } };
    }

    /** Elements made before the intent must agree with it, else Stripe refuses to confirm. */
    async compare(elements, secret) {
      const { error, setupIntent } = await this.retrieveSetupIntent(secret);
      if (error || !elements.options.mode) {
        return { error };
      }
      const usage = elements.options.setupFutureUsage ?? "off_session";
      const types = [elements.options.allowedPaymentMethodTypes, setupIntent.allowed_payment_method_types];
      const [ours, theirs] = types.map((list) => JSON.stringify(list ?? null));
      if (usage !== setupIntent.usage || ours !== theirs) {
        throw new IntegrationError(`The SetupIntent does not fit the Elements: usage is ${setupIntent.usage} and ${usage}, allowed payment method types are ${theirs} and ${ours}.`);
      }
      return {};
    }

    async retrieveSetupIntent(secret) {
      const url = new URL(`/v1/setup_intents/${secret.split("_secret_")[0]}`, ORIGIN);
      url.search = String(new URLSearchParams({ ...this.identity(), client_secret: secret }));
      try {
        const answer = await (await fetch(url)).json();
        return answer.error ? { error: answer.error } : { setupIntent: answer };
      } catch {
        return { error: NO_CONNECTION };
      }
    }

    _registerWrapper() {}

    registerAppInfo() {}
  }

  function wayBack(returnUrl, setupIntent) {
    const url = new URL(returnUrl);
    url.searchParams.set("setup_intent", setupIntent.id);
    url.searchParams.set("setup_intent_client_secret", setupIntent.client_secret);
    url.searchParams.set("redirect_status", setupIntent.status === "succeeded" ? "succeeded" : "failed");
    return url.href;
  }

  function Stripe(key, options = {}) {
    if (typeof key !== "string" || !/^pk_(test|live)_\w+$/.test(key)) {
      throw new IntegrationError("Invalid value for Stripe(): apiKey should be a string that begins with pk_test_ or pk_live_.");
    }
    refuseUnknown(options, STRIPE_OPTIONS, "Stripe()");
    checkLocale(options.locale);
    note("Stripe", { key, account: options.stripeAccount ?? null, locale: options.locale ?? null });
    return new StripeStandIn(key, { ...options });
  }
  Stripe.version = "endive";
  window.Stripe = Stripe;
})();
