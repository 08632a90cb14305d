/** Types of /static/checkout-client.js: the JSON API for pages that build their own user interface. */

export type Path = 'bopis' | 'ropis' | 'sts';
export type Next =
  | 'retry'
  | 'fix'
  | 'new_card'
  | 'accept_total'
  | 'choose_store'
  | 'restart'
  | 'wait'
  | 'contact'
  | 'stop';

/** Whole minor units: `{amount: 10143, currency: 'USD'}` is 101.43 dollars. */
export interface Money {
  amount: number;
  currency: string;
}

export interface Address {
  address: string | null;
  city: string | null;
  state: string | null;
  zip: string | null;
  country: string | null;
}

export interface Place {
  label: string;
  lat: number;
  lng: number;
  postal_code: string | null;
  country: string | null;
}

export interface StoreItem {
  upc: string;
  quantity: number;
  in_stock: boolean;
  quantity_on_hand: number | null;
  missing: number;
}

export interface CheckoutStore {
  id: number;
  name: string;
  address: Address;
  phone: string | null;
  open_now: boolean | null;
}

export interface Store extends CheckoutStore {
  location: { lat: number; lng: number } | null;
  distance: { value: number; unit: 'mi' | 'km' };
  time_zone: string | null;
  today_hours: string | null;
  /** Day 0 is Monday. */
  hours: { day: number; opens: string | null; closes: string | null }[];
  paths: Path[];
  has_all: boolean;
  items: StoreItem[];
}

export interface StoreList {
  stores: Store[];
  near: { lat: number; lng: number };
  radius: { value: number; unit: 'mi' | 'km' };
  as_of: string;
  stale: boolean;
  widen: { radius: number; unit: 'mi' | 'km' } | null;
}

export interface StoreQuery {
  /** `UPC:QUANTITY`, comma-separated. */
  items: string;
  /** `LAT,LNG`. */
  near: string;
  radius?: string;
  unit?: 'mi' | 'km';
  path?: Path;
}

export interface AskedItem {
  upc: string;
  quantity: number;
  message?: string | null;
}

export interface Cart {
  store_id: number;
  path_to_purchase: Path;
  items: AskedItem[];
}

export interface Totals {
  subtotal: Money;
  /** Null where it cannot be had: then `total` is without it. */
  tax: Money | null;
  shipping: Money | null;
  total: Money;
  tax_estimated: boolean;
}

export interface Quote {
  store_id: number;
  path_to_purchase: Path;
  items: {
    upc: string;
    quantity: number;
    unit_price: Money | null;
    tax_per_unit: Money | null;
    subtotal: Money | null;
    price_source: PriceSource | null;
  }[];
  totals: Totals | null;
  price_source: PriceSource | null;
  as_of: string;
}

export type PriceSource = 'locally' | 'catalogue' | 'given';

export interface Shopper {
  email: string | null;
  phone: string | null;
  first_name: string | null;
  last_name: string | null;
  address: string | null;
  address_2: string | null;
  city: string | null;
  state: string | null;
  zip: string | null;
  country: string | null;
  is_opt_in_consent: boolean;
  is_opt_in_consent_brand: boolean;
}

export interface NewCheckout extends Cart {
  shopper?: Partial<Shopper>;
  host_domain?: string;
  locale?: string;
  return_url?: string;
}

export interface LineItem {
  upc: string;
  quantity: number;
  name: string | null;
  image_url: string | null;
  unit_price: Money | null;
  tax_per_unit: Money | null;
  subtotal: Money | null;
  message: string | null;
}

export interface Payment {
  required: boolean;
  provider: 'stripe';
  publishable_key: string;
  /** For `Stripe(publishable_key, {stripeAccount: account})`. */
  account: string | null;
  currency: string;
  methods: string[];
}

export interface Checkout {
  id: string;
  object: 'checkout';
  version: number;
  status: 'incomplete' | 'ready' | 'placing' | 'placed' | 'expired' | 'canceled';
  brand: string;
  store: CheckoutStore;
  path_to_purchase: Path;
  items: LineItem[];
  shopper: Shopper;
  totals: Totals | null;
  payment: Payment | null;
  problems: { code: string; pointer: string; detail: string }[];
  order: { id: string; status: string; url: string; token: string } | null;
  rescues: string | null;
  expires_at: string;
}

export interface SetupIntent {
  id: string;
  client_secret: string;
  publishable_key: string;
  account: string | null;
  api_base: string | null;
}

export interface Order {
  id: string;
  object: 'order';
  status: string;
  brand: string;
  path_to_purchase: Path;
  cart_hash: string;
  locally_order_url: string | null;
  placed_at: string;
  answer_by: string | null;
  store: CheckoutStore;
  items: {
    upc: string;
    name: string | null;
    quantity: number;
    status: string;
    reason: string | null;
    total: Money | null;
    refunded: Money | null;
    order_resolution: string | null;
    resolution_notes: string | null;
  }[];
  shopper: Shopper;
  totals: { total: Money; authorized: Money; charged: Money; refunded: Money };
  messages: { sender: string; text: string; created_at: string | null }[];
  invoice_url: string | null;
  rescues: string | null;
  rescued_by: string | null;
}

export interface Timeline {
  data: { at: string; event: string; facts: Record<string, unknown> }[];
  next_cursor: string | null;
}

/** Any answer that is no success. `checkout` is the present one, where there is one. */
export class CheckoutError extends Error {
  /** The HTTP status; 0 where no answer came. */
  status: number;
  /** A code of the API, or `connection_lost`: then repeat the call with the same key. */
  code: string;
  next: Next;
  errors: { pointer: string; code: string; detail: string }[];
  checkout: Checkout | null;
  /** In seconds. */
  retryAfter: number | null;
  requestId: string | null;
}

export interface CheckoutCalls {
  read(): Promise<Checkout>;
  /** A JSON Merge Patch; `version` refuses it (`version_mismatch`) where somebody was faster. */
  change(
    patch: Partial<Cart> & { shopper?: Partial<Shopper> | null },
    options?: { version?: number; fresh?: boolean; keepalive?: boolean },
  ): Promise<Checkout>;
  setupIntent(): Promise<SetupIntent>;
  /** Placed, or still `placing`: then read it again, or repeat the call with the same key. `wait` in seconds, 0 to 25. */
  place(
    body: { setup_intent_id?: string; expected_total: Money },
    options?: { idempotencyKey?: string; wait?: number },
  ): Promise<Checkout>;
  cancel(): Promise<Checkout>;
}

export interface OrderCalls {
  read(): Promise<Order>;
  timeline(): Promise<Timeline>;
}

export interface Client {
  places(q: string): Promise<Place[]>;
  stores(query: StoreQuery): Promise<StoreList>;
  quote(cart: Cart): Promise<Quote>;
  /** The token is told in this answer only. */
  open(
    cart: NewCheckout,
    options?: { idempotencyKey?: string; fresh?: boolean },
  ): Promise<Checkout & { token: string }>;
  checkout(id: string, token: string): CheckoutCalls;
  order(id: string, token: string): OrderCalls;
}

/** `url` is the service's origin; without it, the one that this module came from. */
export function createClient(options: { key: string; url?: string }): Client;

/** A key for `open` and `place`: keep it until a final answer came, and repeat the call with it. */
export function newKey(): string;
