/** What the page says when something is in the way: the fact, what it means, what to do. */

import { el } from "./dom.js";

const code = (text) => el("code", null, text);

/** Whom the voice goes to, by `goes_to` of /console/about. */
export function whoAnswers({ goes_to: goesTo, model }) {
  const answers = {
    local: "The model on this computer answers, and your voice does not leave it.",
    openai: `${model} answers; your voice goes to OpenAI through this gateway.`,
    azure: `${model} answers; your voice goes to Azure through this gateway.`,
  };
  return answers[goesTo] ?? `${model} answers; your voice goes to its server through this gateway.`;
}

export const modelName = ({ goes_to: goesTo, model }) => (goesTo === "local" ? "the model on this computer" : model);

/** Of the microphone, by the kind of `problem`: a title, then paragraphs or steps. */
export const MICROPHONE = {
  microphone_blocked: {
    title: "The microphone is blocked for this page.",
    lead: "Only you can allow it again, in the browser:",
    steps: [
      ["Open the ", "site settings", ", beside the address."],
      ["Set ", "Microphone", " to ", "Allow", "."],
      ["Come back. The page notices, and the call begins."],
    ],
  },
  microphone_missing: {
    title: "There is no microphone.",
    lead: "Plug one in, and the call begins. You can type meanwhile.",
  },
  microphone_busy: {
    title: "Another program has the microphone.",
    lead: "Close it there, then check again. You can type meanwhile.",
  },
  insecure_page: {
    title: "This address may not use the microphone.",
    lead: "Browsers allow it on https and on localhost only. You can type meanwhile.",
  },
};

/**
 * Why there is no call, by the code of the error: a title, paragraphs, and what stands below the line.
 *
 * @param {{code?: string, closeCode?: number, sentence?: string}} end
 * @param {{token: string}} about
 */
export function refusal({ code: name = "", closeCode, sentence = "" }, about) {
  const figure = [name, closeCode, "not tried again"].filter(Boolean).join(" · ");
  const paste = ["To go on now, paste one from ", code("run.py token --user anna"), ", or "];
  switch (name) {
    case "token_missing":
      if (about.token !== "paste") break;
      return {
        view: "refused",
        title: "A token opens the call.",
        paragraphs: [["Ask whoever runs this gateway for one, or make one there: ", code("run.py token --user anna"), "."]],
      };
    case "token_invalid":
    case "token_expired":
    case "token_revoked":
      return {
        view: "refused",
        title: name === "token_expired" ? "The token has expired." : "The gateway refused the token.",
        paragraphs: [
          [sentence, " Whoever issues it has to put that right; another token of the same kind will be refused as well."],
          about.token === "paste" ? [...paste.slice(0, 2), "."] : paste,
        ],
        canAskAgain: about.token !== "paste",
        figure,
      };
    case "token_unavailable":
      return {
        view: "refused",
        title: "There is no token for this page.",
        paragraphs: [[sentence], paste],
        canAskAgain: true,
      };
    case "origin_denied":
      return {
        view: "failed",
        title: "This page may not connect.",
        paragraphs: [["Its address is not in ", code("server.allowed_origins"), ". Whoever runs the gateway can name it there."]],
        figure,
      };
    case "connection_limit":
      return { view: "failed", title: "Too many calls.", paragraphs: [[sentence, " End another one, then try again."]], figure };
    case "server_busy":
      return { view: "failed", title: "The gateway has no room now.", paragraphs: [[sentence, " Try again in a moment."]], figure };
    default:
  }
  return {
    view: "failed",
    title: "The call is over.",
    paragraphs: [[sentence || "The connection is gone."]],
    figure,
  };
}

/** What to do about an error in mid-call, beyond the gateway's own sentence. */
export const WHAT_TO_DO = {
  audio_backlog: "If it goes on, say that again a little later.",
  rate_limited: "Wait a moment, then go on.",
  upstream_unavailable: "Please say that again.",
  upstream_timeout: "Please say that again.",
  upstream_rejected: "The call goes on as before.",
  server_busy: "Try that again in a moment.",
  internal: "Please say that again. If it happens often, tell whoever runs the gateway.",
};

/** What becomes of a lost line. */
export const DROPPED = "The connection dropped. Please go on talking.";
export const kept = (holdMs) => `What you say is kept, up to ${Math.round(holdMs / 1000)} s, and sent as soon as the line is back.`;
export const MUTED = {
  fact: "You are muted.",
  rest: "The model does not hear what you just said. Press the button again to be heard.",
};
export const RECORDED = {
  fact: "This call is recorded.",
  rest: "Whoever runs this gateway keeps what is said in it.",
};
export const ONLY_WRITTEN = {
  fact: "What you say is written down, and nothing answers.",
  rest: "The next call may be another: Settings has both.",
};
export const UNWRITTEN = {
  fact: "Your words are not written down here.",
  rest: "The server has no model that transcribes; the answer comes all the same.",
};
export const HELD_BACK = {
  fact: "The sound is held back by your browser.",
  rest: "Press anywhere to hear the answer.",
};
