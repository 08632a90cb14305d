// 3-D Secure in the stand-in: the shopper completes it, fails it, or closes it, which Stripe takes for failing.

import { greeted, speak, wordsFor } from "/stripe-js/words.js";

const { greeting, port } = await greeted();
speak(wordsFor(greeting.locale));

async function answer(choice) {
  const outcome = choice === "succeed" ? "succeed" : "fail";
  const body = new URLSearchParams({ ...greeting.form, outcome });
  await fetch("/v1/3ds2/authenticate", { method: "POST", body });
  port.postMessage({ event: "answered", outcome: choice });
}

for (const button of document.querySelectorAll("button")) {
  button.addEventListener("click", () => answer(button.value));
}
addEventListener("keydown", ({ key }) => key === "Escape" && answer("abandon"));
document.querySelector("button").focus();
port.postMessage({ event: "ready" });
