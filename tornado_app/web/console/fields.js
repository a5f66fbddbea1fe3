/** What may be set of a call, in the order in which the panel has it. */

import { el, icon } from "./dom.js";

const LANGUAGES = "en de fr es pt it nl pl sv da no fi cs sk hu ro el tr uk ru ar he hi bn ur fa th vi id ms ja ko zh".split(" ");

/** "Portuguese", of "pt"; the code where this browser knows no name. */
function languageName(code) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

const FORMATS = {
  pcm16: "16-bit PCM",
  float32: "32-bit float",
  pcmu: "G.711 μ-law",
  pcma: "G.711 A-law",
};

/** `choices` is what a field may be and how it is called; `values` of the server narrow it. */
export const FIELDS = [
  {
    name: "session",
    label: "What you say is",
    kind: "radios",
    choices: { realtime: "Answered", transcription: "Only written down" },
  },
  {
    name: "turn_detection",
    label: "When is your turn over?",
    kind: "radios",
    choices: {
      server_vad: "After half a second of silence",
      semantic_vad: "When the sentence is finished",
      none: "When you say so, with a key",
    },
  },
  {
    name: "transcription_language",
    label: "You speak",
    kind: "select",
    choices: Object.fromEntries(LANGUAGES.map((code) => [code, languageName(code)])),
    none: "Any language",
  },
  { name: "instructions", label: "Instructions", kind: "text" },
  { name: "voice", label: "Voice", kind: "select" },
  { name: "output", label: "Answers are", kind: "select", choices: { audio: "Spoken", text: "Written" } },
  { name: "speed", label: "Pace of the voice", kind: "range", low: 0.5, high: 1.5, step: 0.05 },
  { name: "model", label: "Model", kind: "select" },
];

export const FORMAT_FIELDS = [
  { name: "input_format", label: "Sent as", kind: "select", choices: FORMATS },
  { name: "output_format", label: "Received as", kind: "select", choices: FORMATS },
];

/** What concerns a call in which nothing is answered, by the gateway's rules. */
export const OF_WORDS = ["session", "turn_detection", "transcription_language", "input_format", "output_format"];

/** One field: `element`, `get`, `set(value)`, `lock(reason)`, `mark(isChanged)`. */
export function makeField(field, offer) {
  const make = { radios, select, text, range }[field.kind];
  return { ...make(field, offer), name: field.name };
}

function frame(field, control, label = el("label", { for: `set-${field.name}` }, field.label)) {
  const hint = el("p", { class: "hint", id: `hint-${field.name}`, hidden: true });
  const element = el("div", "set", label, control, hint);
  const lock = (inputs) => (reason) => {
    hint.textContent = reason;
    hint.hidden = !reason;
    for (const input of inputs()) input.disabled = Boolean(reason);
  };
  return { element, mark: (isChanged) => label.classList.toggle("changed", isChanged), lock };
}

const attributes = ({ name }) => ({ id: `set-${name}`, name, "aria-describedby": `hint-${name}` });

function radios(field, { values = Object.keys(field.choices) }) {
  const choice = (value) => {
    const name = el("span", null, field.choices[value] ?? value, el("small", null, value));
    return el("label", "choice", el("input", { type: "radio", name: field.name, value }), name);
  };
  const legend = el("legend", null, field.label);
  const set = el("fieldset", { "aria-describedby": `hint-${field.name}` }, legend, ...values.map(choice));
  const { element, mark, lock } = frame(field, set, legend);
  set.prepend(legend);
  const inputs = () => [...set.querySelectorAll("input")];
  return {
    element,
    mark,
    lock: lock(inputs),
    get: () => inputs().find((input) => input.checked)?.value,
    set: (value) => inputs().forEach((input) => (input.checked = input.value === value)),
  };
}

function select(field, { values }) {
  const control = el("select", attributes(field));
  const { element, mark, lock } = frame(field, el("span", "pick", control, icon("down")));
  const known = values ?? Object.keys(field.choices ?? {});
  return {
    element,
    mark,
    lock: lock(() => [control]),
    get: () => control.value,
    set: (value) => {
      const none = field.none !== undefined && value === "" ? [""] : [];
      const all = [...new Set([...none, ...(value === "" ? [] : [value]), ...known])];
      const name = (code) => (code === "" ? field.none : (field.choices?.[code] ?? code));
      control.replaceChildren(...all.map((code) => el("option", { value: code }, name(code))));
      control.value = value;
    },
  };
}

function text(field) {
  const control = el("textarea", { ...attributes(field), rows: 4, maxlength: 65_536 });
  const { element, mark, lock } = frame(field, control);
  return { element, mark, lock: lock(() => [control]), get: () => control.value, set: (value) => (control.value = value ?? "") };
}

function range(field) {
  const shown = el("output", { class: "num", for: `set-${field.name}` });
  const control = el("input", { ...attributes(field), type: "range", min: field.low, max: field.high, step: field.step });
  const show = () => (shown.textContent = `${Number(control.value).toFixed(2)} ×`);
  control.addEventListener("input", show);
  const { element, mark, lock } = frame(field, el("span", "range", control, shown));
  return {
    element,
    mark,
    lock: lock(() => [control]),
    get: () => Number(control.value),
    set: (value) => {
      control.value = value;
      show();
    },
  };
}
