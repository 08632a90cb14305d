/**
 * The shopper's fields: what was typed, what of it is saved, what is wrong with it.
 * A field is judged when it is left, and from then on while it is mended: here whether it is there, by the service
 * whether it is right.
 *
 * @typedef {Record<string, string|boolean|null|undefined>} Values
 */

/** @param {HTMLFormElement} form @param {any} words @param {(names: string[]) => void} onLeave of a group */
export function createForm(form, words, onLeave) {
  const fields = [...form.querySelectorAll('[data-pointer] :is(input, select)')];
  const namesIn = (part) => fields.filter((field) => part.contains(field)).map(({ name }) => name);
  const value = (field) => (field.type === 'checkbox' ? field.checked : field.value.trim());
  const line = (field) => document.getElementById(`${field.name}-error`);
  /** @type {Values} */
  let saved = {};
  /** What the service refused, by name: `[value, code]`. */
  const refused = {};

  function fault(field) {
    if (field.matches(':disabled')) return '';
    const text = value(field);
    const [told, code] = refused[field.name] ?? [];
    if (code && told === text) return code;
    if (!text) return field.required ? 'missing' : '';
    return field.validity.valid ? '' : 'invalid';
  }

  function judge(field) {
    const code = fault(field);
    const error = line(field);
    if (!error) return code;
    error.textContent = code && (words[field.name]?.[code] ?? words.codes[code] ?? words.codes.invalid);
    error.hidden = !code;
    field.ariaInvalid = code ? 'true' : null;
    return code;
  }

  form.addEventListener('focusout', ({ target, relatedTarget }) => {
    const group = target.closest('.group');
    if (group && target.value) judge(target);
    if (group && !group.contains(relatedTarget)) onLeave(namesIn(group));
  });
  form.addEventListener('input', ({ target }) => target.ariaInvalid && judge(target));

  return {
    values: () => Object.fromEntries(fields.map((field) => [field.name, value(field)])),

    /** Puts what is known into the fields; what was typed there stays. @param {Values} known */
    fill(known) {
      for (const field of fields) {
        const told = known[field.name];
        if (field.type === 'checkbox') field.checked ||= Boolean(told);
        else if (told && (!field.value || field.name === 'country')) field.value = told;
      }
    },

    /** What the service has is not sent again. @param {Values} known */
    markSaved: (known) => (saved = { ...saved, ...known }),

    /** What is typed, sound and not yet saved, of the fields named. */
    changes(names = namesIn(form)) {
      const changed = fields.filter(
        (field) =>
        !field.matches(':disabled') &&
        names.includes(field.name) &&
        value(field) !== (saved[field.name] ?? '') &&
        !fault(field),
      );
      return Object.fromEntries(changed.map((field) => [field.name, value(field)]));
    },

    /** Marks what the service refused; whether any of it is a field. */
    refuse(errors) {
      const told = errors.map(({ pointer, code }) => [form.elements[pointer.split('/').pop()], code]);
      const known = told.filter(([field]) => fields.includes(field));
      for (const [field, code] of known) {
        refused[field.name] = [value(field), code];
        judge(field);
      }
      return known.length > 0;
    },

    /** Judges every field; gives those with a fault, with the words beside them. */
    faults: () => fields.filter(judge).map((field) => ({ field, text: line(field)?.textContent })),
  };
}
