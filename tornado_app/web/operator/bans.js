/** Who is kept out, and until when. */

import { byId, el } from "./dom.js";
import { ask } from "./question.js";
import { clockTime } from "./words.js";

export class Bans {
  constructor(asked) {
    this._asked = asked;
    this._shown = null;
  }

  async look() {
    const { bans } = await this._asked.bans();
    const shown = JSON.stringify(bans);
    // A question that somebody is being asked stays.
    if (shown === this._shown || byId("bans").querySelector("form")) return;
    this._shown = shown;
    byId("bans-section").hidden = !bans.length;
    byId("bans").replaceChildren(...bans.map((ban) => this._row(ban)));
  }

  _row(ban) {
    const place = el("div", "acts");
    const act = async () => {
      await this._asked.letIn(ban);
      place.replaceChildren();
      byId(byId("bans").children.length > 1 ? "bans-title" : "calls-title").focus({ preventScroll: true });
      await this.look();
    };
    const question = { sentence: `Let ${ban.name} in again?`, fields: [], yes: "Let in", no: "Keep out", act };
    place.append(el("button", { type: "button", class: "btn", onclick: () => ask(place, question) }, "Let in again", el("span", "vh", `: ${ban.name}`)));
    const kind = ban.kind === "token" ? "token " : "";
    return el("li", null, el("div", "who", el("b", null, `${kind}${ban.name}`), el("span", "num", `until ${clockTime(ban.until)}`)), place);
  }
}
