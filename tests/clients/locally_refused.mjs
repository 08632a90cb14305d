// Locally's own SDK with a token that the sandbox does not know. Prints the SDK's result as JSON.
// A script of its own: in one process the first client's token would win over every later one's.
// Usage: node locally_refused.mjs http://127.0.0.1:9000

import LCLY from "@locally-com/lcly-js-sdk";

const sdk = new LCLY("nobody", `${process.argv[2]}/headless/api/1.0`);
console.log(JSON.stringify(await sdk.session().get("session")));
