/**
 * Types of checkout.js, the script that puts the checkout into a brand's page:
 *
 *     <script src="https://checkout.brand.com/static/checkout.js" async></script>
 *     <local-checkout upc="068648100001"><a href="https://checkout.brand.com/checkout?upc=068648100001">Buy</a></local-checkout>
 *
 * The element's children are the fallback: they show without the script, and when the checkout cannot.
 */

export interface Money {
  /** In minor units: cents for USD. */
  amount: number;
  currency: string;
}

export interface CheckoutItem {
  upc: string;
  quantity: number;
  name: string | null;
  unit_price: Money | null;
  subtotal: Money | null;
}

/** What the page may know of a checkout: nothing in it is about the shopper or the card. */
export interface CheckoutSnapshot {
  id: string;
  status: 'incomplete' | 'ready' | 'placing' | 'placed' | 'expired' | 'canceled';
  path_to_purchase: 'bopis' | 'ropis' | 'sts' | 'sdd';
  store: { id: number; name: string } | null;
  items: CheckoutItem[];
  totals: {
    subtotal: Money | null;
    tax: Money | null;
    shipping: Money | null;
    total: Money | null;
    tax_estimated: boolean;
  } | null;
  expires_at: string | null;
}

export interface CheckoutOrder {
  id: string;
  /** The shopper's order page: whoever has the address sees the order, with the shopper's details masked. */
  permalink_url: string;
}

export interface CheckoutError {
  /** A page of an origin that is not allowed gets `load_failed` too: browsers do not tell one from the other. */
  code: 'timeout' | 'load_failed' | 'not_available' | 'payment_unavailable' | 'session_expired';
  message: string;
  /** The checkout as a page of its own. */
  url: string;
}

/** Handed over inside the browser, never in an address. Fields that the shopper has filled stay as they are. */
export interface CheckoutPrefill {
  email?: string;
  phone?: string;
  name?: string;
  first_name?: string;
  last_name?: string;
  address?: string;
  address_2?: string;
  city?: string;
  state?: string;
  zip?: string;
  country?: string;
  postal_code?: string;
}

export interface LocalCheckoutEventMap {
  /** It can be used. `checkout` is there already where the shopper comes back to one. */
  'checkout-start': CustomEvent<{ checkout: CheckoutSnapshot | null }>;
  /** Store, totals, items or messages changed; `cause` says which. */
  'checkout-update': CustomEvent<{
    checkout: CheckoutSnapshot | null;
    cause: 'line_items' | 'buyer' | 'payment' | 'messages' | 'totals' | 'fulfillment';
  }>;
  /** There is an order. `preventDefault()` stops the way to `success-url`. */
  'checkout-complete': CustomEvent<{ checkout: CheckoutSnapshot & { order: CheckoutOrder }; order: CheckoutOrder }>;
  /** The fallback is shown. */
  'checkout-error': CustomEvent<{ error: CheckoutError }>;
  /** The dialog is about to close; `preventDefault()` keeps it, until there is an order. */
  'checkout-close': CustomEvent<{ checkout: CheckoutSnapshot | null }>;
}

/** Every property but `prefill` is its attribute; without the attribute it is ''. A change of one begins anew. */
export interface LocalCheckoutElement extends HTMLElement {
  /** Several items: `UPC:QTY,UPC:QTY`. */
  items: string;
  /** One item, and how many of it. */
  upc: string;
  quantity: string;
  /** Where to look for stores first; attribute `postal-code`. */
  postalCode: string;
  /** `auto` follows the browser. */
  appearance: '' | 'auto' | 'light' | 'dark';
  /** Another address of the service's checkout page. Must be of the script's origin. */
  src: string;
  /** `inline` (also when absent) stands in the page; `modal` opens from the link or button inside the element. */
  mode: '' | 'inline' | 'modal';
  /** The name of frame and dialog for screen readers. */
  label: string;
  /** Where to go after an order, with `?order=` added. Of this page's origin or another of the brand's. */
  successUrl: string;
  prefill: CheckoutPrefill | undefined;
  /** The checkout as a page of its own. Throws where `src` is of another origin. */
  readonly url: string;
  readonly checkout: CheckoutSnapshot | null;
  /** The latest; null again once the checkout goes on. */
  readonly error: CheckoutError | null;
  /** Opens the dialog; inline it goes there. */
  open(): void;
  /** Closes the dialog, unless an order is being placed or `checkout-close` was prevented. */
  close(): void;
  focus(): void;
  addEventListener<K extends keyof LocalCheckoutEventMap>(
    type: K,
    listener: (this: LocalCheckoutElement, event: LocalCheckoutEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'local-checkout': LocalCheckoutElement;
  }
  /** They bubble: one listener on the document hears all. A link's are told at the link. */
  interface DocumentEventMap extends LocalCheckoutEventMap {}
  interface HTMLElementEventMap extends LocalCheckoutEventMap {}
}
