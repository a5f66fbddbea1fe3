/** Those who are calling, the oldest first; rows stay where they are, and so does the focus. */

import { byId, say } from "./dom.js";
import { Call } from "./call.js";
import { Ears } from "./listening_panel.js";

const SHOWN = 50;
const FRAME_MS = 100;

export class Calls {
  constructor(asked, changed) {
    this._asked = asked;
    this._changed = changed;
    this._rows = new Map();
    this._ears = new Ears();
    this._limit = SHOWN;
    this._user = "";
    this._drawnAt = -Infinity;
    byId("calls").replaceChildren();
    byId("filter").onsubmit = (event) => event.preventDefault();
    byId("filter-user").value = "";
    byId("filter-user").oninput = () => (this._user = byId("filter-user").value.trim());
    byId("calls-more").onclick = () => (this._limit += SHOWN);
  }

  /** Ask who is calling now, and show it. */
  async look() {
    const { calls, next } = await this._asked.calls({ user: this._user, limit: Math.min(500, this._limit) });
    const nowMs = performance.now();
    const running = new Set();
    for (const call of calls) {
      running.add(call.session_id);
      const row = this._rows.get(call.session_id);
      if (row) row.show(call);
      else this._add(new Call(call, this._asked, this._changed, this._ears));
    }
    for (const [id, row] of this._rows) {
      // One that is not wanted any more has not ended.
      const isGone = this._user && !row.isListenedTo ? row.user !== this._user : false;
      if (isGone || (!running.has(id) && row.over(nowMs))) {
        row.element.remove();
        this._rows.delete(id);
      }
    }
    const more = byId("calls-more");
    more.hidden = !next || this._limit >= 500;
    say(more, `Show ${SHOWN} more`);
    const none = byId("calls-none");
    none.hidden = this._rows.size > 0;
    say(none, this._user ? `No call of ${this._user}.` : "Nobody is calling.");
  }

  /** Draw the levels of those that are seen; to be called with every frame. */
  draw(nowMs) {
    if (nowMs - this._drawnAt < FRAME_MS) return;
    this._drawnAt = nowMs;
    for (const { levels } of this._rows.values()) levels.draw();
  }

  /** Nobody looks any more. */
  end() {
    this._ears.end();
  }

  _add(row) {
    this._rows.set(row.id, row);
    byId("calls").append(row.element);
  }
}
