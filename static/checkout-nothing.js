/**
 * A page that has nothing to sell, in a frame: it says so to the page around it.
 */
import { connect } from './checkout-embed.js';

const message = document.getElementById('nothing').innerText;
connect({ onPrefill() {}, onClose() {} })?.error({ code: 'not_available', message });
