/** <parley-call>: a button, what the call is doing, and what is said.  Docs: docs/clients.md. */

import type { Call, Options } from "./parley.js";

export class ParleyCall extends HTMLElement {
  /** The call, while there is one. */
  call: Call | null;
  /** In place of the attribute `token-url`. */
  getToken: (() => string | Promise<string>) | null;
  /** All else that `connect` takes. */
  options: Partial<Options>;
  /** As if the button were pressed; resolves when it is connected. */
  start(): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "parley-call": ParleyCall;
  }
}
