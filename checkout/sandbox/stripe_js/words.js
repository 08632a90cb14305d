// What the stand-in's frames say, in the languages that the service speaks. Everything else is English.

const WORDS = {
  en: {
    number: "Card number", expiry: "Expiration date", cvc: "Security code", country: "Country", postal: "ZIP code",
    note: "Sandbox: test cards only, nothing is charged.",
    incomplete_number: "Your card number is incomplete.", invalid_number: "Your card number is invalid.",
    incomplete_expiry: "Your card's expiration date is incomplete.",
    invalid_expiry_month: "Your card's expiration date is invalid.",
    invalid_expiry_year_past: "Your card's expiration year is in the past.",
    incomplete_cvc: "Your card's security code is incomplete.", incomplete_zip: "Your ZIP is invalid.",
    declines: {},
    title: "3-D Secure test page",
    question: "A bank would ask here whether you want to save this card. This is the sandbox: choose the answer.",
    succeed: "Complete authentication", fail: "Fail authentication", abandon: "Close",
  },
  fr: {
    number: "Numéro de carte", expiry: "Date d’expiration", cvc: "Code de sécurité", country: "Pays",
    postal: "Code postal", note: "Bac à sable : cartes de test uniquement, rien n’est débité.",
    incomplete_number: "Votre numéro de carte est incomplet.", invalid_number: "Votre numéro de carte est invalide.",
    incomplete_expiry: "La date d’expiration de votre carte est incomplète.",
    invalid_expiry_month: "La date d’expiration de votre carte est invalide.",
    invalid_expiry_year_past: "L’année d’expiration de votre carte est passée.",
    incomplete_cvc: "Le code de sécurité de votre carte est incomplet.",
    incomplete_zip: "Votre code postal est invalide.",
    declines: {
      card_declined: "Votre carte a été refusée.", insufficient_funds: "Les fonds de votre carte sont insuffisants.",
      expired_card: "Votre carte a expiré.", incorrect_cvc: "Le code de sécurité de votre carte est incorrect.",
    },
    title: "Page de test 3-D Secure",
    question: "Une banque vous demanderait ici si vous voulez enregistrer cette carte. Choisissez la réponse.",
    succeed: "Réussir l’authentification", fail: "Échouer à l’authentification", abandon: "Fermer",
  },
  es: {
    number: "Número de tarjeta", expiry: "Fecha de vencimiento", cvc: "Código de seguridad", country: "País",
    postal: "Código postal", note: "Entorno de pruebas: solo tarjetas de prueba, no se cobra nada.",
    incomplete_number: "El número de tu tarjeta está incompleto.",
    invalid_number: "El número de tu tarjeta no es válido.",
    incomplete_expiry: "La fecha de vencimiento de tu tarjeta está incompleta.",
    invalid_expiry_month: "La fecha de vencimiento de tu tarjeta no es válida.",
    invalid_expiry_year_past: "El año de vencimiento de tu tarjeta ya pasó.",
    incomplete_cvc: "El código de seguridad de tu tarjeta está incompleto.",
    incomplete_zip: "Tu código postal no es válido.",
    declines: {
      card_declined: "Tu tarjeta fue rechazada.", insufficient_funds: "Tu tarjeta no tiene fondos suficientes.",
      expired_card: "Tu tarjeta está vencida.", incorrect_cvc: "El código de seguridad de tu tarjeta es incorrecto.",
    },
    title: "Página de prueba de 3-D Secure",
    question: "Aquí un banco preguntaría si quieres guardar esta tarjeta. Elige la respuesta.",
    succeed: "Completar la autenticación", fail: "Fallar la autenticación", abandon: "Cerrar",
  },
};

/** The words for a locale as Stripe takes it: "auto", "fr", "fr-CA". */
export function wordsFor(locale) {
  const language = (locale === "auto" ? navigator.language : locale).slice(0, 2);
  document.documentElement.lang = language in WORDS ? language : "en";
  return WORDS[language] ?? WORDS.en;
}

/** Put the words into the places that name them. */
export function speak(words) {
  for (const place of document.querySelectorAll("[data-word]")) {
    place.textContent = words[place.dataset.word];
  }
}

const VARIABLES = {
  colorPrimary: "--primary", colorBackground: "--background", colorText: "--text", colorTextSecondary: "--secondary",
  colorDanger: "--danger", borderRadius: "--radius", spacingUnit: "--unit", fontFamily: "--font", fontSizeBase: "--size",
};
const NIGHT = {
  colorPrimary: "#85d996", colorBackground: "#30313d", colorText: "#ffffff", colorTextSecondary: "#c1c3cf",
  colorDanger: "#ff8fa3",
};

/** Dress the frame as the page's `appearance` says. */
export function dress({ theme, variables = {} }) {
  const isDark = theme === "night";
  const style = document.documentElement.style;
  style.setProperty("--border", isDark ? "#6a6c7d" : "#cfd4dc");
  for (const [name, value] of Object.entries({ ...(isDark ? NIGHT : {}), ...variables })) {
    if (name in VARIABLES) {
      style.setProperty(VARIABLES[name], value);
    }
  }
}

/** Wait for the page's greeting; gives its message and the port to it. */
export function greeted() {
  return new Promise((resolve) => {
    addEventListener("message", (event) => {
      if (event.source === parent && event.ports.length === 1) {
        resolve({ greeting: event.data, port: event.ports[0] });
      }
    });
  });
}

/** Tell the page how tall the frame wants to be, now and whenever that changes. */
export function tellHeight(port) {
  new ResizeObserver(() => port.postMessage({ height: document.documentElement.offsetHeight })).observe(document.body);
}
