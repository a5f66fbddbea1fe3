/** A question in its place, before something is done that cannot be undone. */

import { el } from "./dom.js";

/**
 * Show it in *place* instead of what is there, and put that back when it is answered.
 *
 * @param {Element} place
 * @param {{sentence: string, fields: Element[], yes: string, no: string, act: (close: () => void) => Promise<void>}} what
 *   *act* may throw: its message is shown, and nothing is lost.
 */
export function ask(place, { sentence, fields, yes, no, act }) {
  const before = [...place.childNodes];
  const opener = document.activeElement;
  const said = el("p", { class: "said", role: "alert" });
  const button = el("button", "btn primary", yes);
  const cancel = el("button", { class: "btn quiet", type: "button", onclick: () => close() }, no);
  const form = el("form", { class: "question", "aria-label": sentence }, el("p", null, sentence), ...fields, el("div", "actions", button, cancel), said);
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    try {
      await act(close);
    } catch (error) {
      said.textContent = error.message;
      button.removeAttribute("aria-disabled");
    }
  });
  const close = () => {
    place.replaceChildren(...before);
    opener?.focus({ preventScroll: true });
  };
  place.replaceChildren(form);
  (form.querySelector("input, select") ?? button).focus({ preventScroll: true });
  return close;
}

/** A field with its name above it. */
export const field = (name, input) => el("label", "set", el("span", null, name), input);
