/** The panels beside the call: one at a time; focus goes to its title, and back when it closes. */

import { byId } from "./dom.js";

const PANELS = ["messages", "settings"];

export class Panels {
  /** *onOpen* by the name of a panel is called when that is opened. */
  constructor(onOpen) {
    this._onOpen = onOpen;
    for (const name of PANELS) {
      byId(`open-${name}`).addEventListener("click", () => (byId(name).hidden ? this.open(name) : this.close()));
      byId(name).querySelector("[data-close]").addEventListener("click", () => this.close());
    }
  }

  open(name) {
    for (const panel of PANELS) this._show(panel, panel === name);
    byId("app").dataset.panel = name;
    byId(`${name}-title`).focus({ preventScroll: true });
    this._onOpen[name]?.();
  }

  /** Close whichever is open; false: none is. */
  close() {
    const open = PANELS.find((name) => !byId(name).hidden);
    if (!open) return false;
    this._show(open, false);
    delete byId("app").dataset.panel;
    byId(`open-${open}`).focus({ preventScroll: true });
    return true;
  }

  _show(name, isOpen) {
    byId(name).hidden = !isOpen;
    byId(`open-${name}`).setAttribute("aria-expanded", String(isOpen));
  }
}
