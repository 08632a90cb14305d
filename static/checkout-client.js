/**
 * The JSON API for pages that build their own user interface. Types: checkout-client.d.ts.
 */

/** Any answer that is no success, as the problem document tells it; `connection_lost` where none came. */
export class CheckoutError extends Error {
  constructor(problem, status = 0, headers = new Headers()) {
    super(problem.detail);
    this.name = 'CheckoutError';
    this.status = status;
    this.code = problem.code;
    this.next = problem.next;
    this.errors = problem.errors ?? [];
    this.checkout = problem.checkout ?? null;
    this.retryAfter = Number(headers.get('Retry-After')) || null;
    this.requestId = headers.get('Request-Id');
  }
}

/** A key for `open` and `place`: keep it until a final answer came, and repeat the call with it. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function createClient({ key, url = new URL(import.meta.url).origin }) {
  async function call(token, path, { method = 'GET', body, headers, seconds = 30, keepalive } = {}) {
    const sent = body && { method, body: JSON.stringify(body), keepalive };
    const type = body && { 'Content-Type': 'application/json' };
    try {
      const answer = await fetch(`${url}/v1/${path}`, {
        ...sent,
        headers: { Authorization: `Bearer ${token}`, ...type, ...headers },
        signal: AbortSignal.timeout(seconds * 1000),
      });
      const told = await answer.json();
      if (answer.ok) return told;
      throw new CheckoutError(told, answer.status, answer.headers);
    } catch (error) {
      if (error instanceof CheckoutError) throw error;
      throw new CheckoutError({ code: 'connection_lost', next: 'retry', detail: String(error) });
    }
  }

  const post = (token, path, body, options) => call(token, path, { method: 'POST', body, ...options });
  const keyed = (idempotencyKey = newKey()) => ({ 'Idempotency-Key': idempotencyKey });

  return {
    places: async (q) => (await call(key, `places?${new URLSearchParams({ q })}`)).places,
    stores: (query) => call(key, `stores?${new URLSearchParams(query)}`),
    quote: (cart) => post(key, 'quotes', cart),
    open: (cart, { idempotencyKey, fresh } = {}) =>
      post(key, 'checkouts', cart, { headers: { ...keyed(idempotencyKey), ...uncached(fresh) } }),

    checkout(id, token) {
      const path = `checkouts/${id}`;
      return {
        read: () => call(token, path),
        change: (body, { version, fresh, keepalive } = {}) =>
          call(token, path, {
            method: 'PATCH',
            body,
            keepalive,
            headers: { ...(version && { 'If-Match': `"${version}"` }), ...uncached(fresh) },
          }),
        setupIntent: () => post(token, `${path}/setup-intent`, {}),
        /** Placed, or still `placing`: then read it again, or repeat the call with the same key. */
        place: (body, { idempotencyKey, wait = 8 } = {}) =>
          post(token, `${path}/place`, body, {
            headers: { ...keyed(idempotencyKey), Prefer: `wait=${wait}` },
            seconds: wait + 15,
          }),
        cancel: () => post(token, `${path}/cancel`, {}),
      };
    },

    order(id, token) {
      const path = `orders/${id}`;
      return {
        read: () => call(token, path),
        timeline: () => call(token, `${path}/timeline`),
      };
    },
  };
}

const uncached = (fresh) => fresh && { 'Cache-Control': 'no-cache' };
