/** What only the messages themselves tell: tools of the server, and waits for answers that are written. */

export class Overheard {
  /** *onTool* gets what parley.js would tell of a tool of the page's; *onWritten* an item and its wait. */
  constructor({ onTool, onWritten }) {
    Object.assign(this, { onTool, onWritten });
    this._count = 0;
    this._running = [];
  }

  /** A message, as parley.js tells of it. */
  note({ direction, type, text }) {
    if (direction !== "in" || !text || (type !== "tool_activity" && type !== "transcript")) return;
    const { data } = JSON.parse(text);
    if (type === "tool_activity") this._tool(data);
    else if (data.wait) this.onWritten(data.item_id, data.wait);
  }

  /** Calls of one name are told apart by nothing: the one that began first is taken to end first. */
  _tool({ name, status }) {
    if (status === "running") {
      const call = { callId: `server ${++this._count}`, name, begun: performance.now() };
      this._running.push(call);
      this.onTool({ ...call, arguments: {}, status });
      return;
    }
    const at = this._running.findIndex((call) => call.name === name);
    if (at < 0) return;
    const [{ callId, begun }] = this._running.splice(at, 1);
    const result = status === "failed" ? "it failed" : "";
    this.onTool({ callId, name, arguments: {}, status, result, ms: performance.now() - begun });
  }
}
