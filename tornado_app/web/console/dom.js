/** Elements, by id and anew.  No text is ever parsed as HTML. */

/** The element of the page with this *id*. */
export const byId = (id) => document.getElementById(id);

/**
 * A new element: el("p", "num", "0.94 s"), el("button", {class: "btn", type: "button"}, icon, "End").
 * Attributes that are false or null are left out; those that begin with "on" are listeners.
 */
export function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  const named = typeof attributes === "string" ? { class: attributes } : (attributes ?? {});
  for (const [name, value] of Object.entries(named)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null && child !== false));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A new element of a drawing. */
export function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export const icon = (name) => svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#${name}` }));

/** Change *element*'s text only if it is another: what is the same is not read out again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Give *text* to the person as a file. */
export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = el("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
