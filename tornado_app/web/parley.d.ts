/** A call to Parley: `import { connect } from "https://gateway.example.com/parley.js"`. */

export type State = "idle" | "asking" | "connecting" | "connected" | "reconnecting" | "ended";

export interface Options {
  /** The gateway: "wss://host/ws", "https://host" or "".  Default: /ws of the host the module came from. */
  url?: string;
  /** Called before every opening and for every refresh; one that fails is asked again, and so is one that takes 15 s when the line was lost. */
  getToken: () => string | Promise<string>;
  /** true: ask for the microphone; constraints; a MediaStream of the page's own; false: typed only.  Default true in a browser. */
  microphone?: boolean | MediaTrackConstraints | MediaStream;
  /** Play answers through the loudspeaker; default true in a browser. */
  speaker?: boolean;
  /** "open" (the model ends turns) or "push_to_talk" (hold and release end them). */
  talk?: "open" | "push_to_talk";
  /** Parameters of the opening by their name in docs/protocol.md, e.g. {voice: "cedar", transcription_language: "de"}. */
  parameters?: Record<string, string | number>;
  /** Functions of the page.  One without a description is not sent: the token has named it already. */
  tools?: Tool[];
  /** Buffer before an answer is played, in ms: "auto" adapts between 40 and jitterMaxMs (300). */
  jitterMs?: number | "auto";
  jitterMaxMs?: number;
  /** Reconnecting by the close-code table; default true. */
  reconnect?: boolean;
  /** Where this file is served, for a page whose scripts are bundled; default: where it was loaded from. */
  moduleUrl?: string;
}

export interface Tool {
  name: string;
  description?: string;
  /** A JSON Schema. */
  parameters?: object;
  /** What it gives back is text or any JSON; what it throws, the model reads as an error. */
  run: (args: any, context: { callId: string; signal: AbortSignal }) => any;
}

export function connect(options: Options): Call;

/** Something that was asked for and did not come about; `message` is a sentence for people. */
export class CallError extends Error {
  readonly code: string;
  readonly field?: string;
  readonly retryable: boolean;
}

/** A call.  `on` gives back a function that takes the listener away. */
export interface Call {
  readonly state: State;
  readonly sessionId: string;
  readonly muted: boolean;
  /** An answer is being heard. */
  readonly speaking: boolean;
  /** What the first connection_status said, and `configured` since.  `recorded`: what is said is kept; tell your user. */
  readonly negotiated: Record<string, any> | null;
  /** keptMs: speech that waits for the connection. */
  readonly stats: { latencies: Turn[]; droppedMs: number; underruns: number; bufferedMs: number; keptMs: number; reconnects: number };
  /** Resolves when "connected" the first time, or rejects with CallError. */
  readonly ready: Promise<void>;
  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): () => void;
  /** A typed turn; it comes back as a final `transcript` of the user. */
  say(text: string): void;
  interrupt(): void;
  /** The model hears silence; levels go on. */
  mute(on?: boolean): void;
  /** Push to talk: what is said from now on is for the model, until `release`. */
  hold(): void;
  release(): void;
  /** What `configured` says, or rejects with CallError (field, code). */
  configure(fields: object): Promise<Record<string, any>>;
  /** Speech from a file (or samples) instead of the microphone; resolves when it was said. */
  play(file: Blob | ArrayBuffer | Float32Array, rateHz?: number): Promise<void>;
  devices(): Promise<{ microphones: MediaDeviceInfo[]; speakers: MediaDeviceInfo[] }>;
  useMicrophone(deviceId: string): Promise<void>;
  useSpeaker(deviceId: string): Promise<void>;
  /** After the page was clicked (autoplay); any click or key does it by itself. */
  resumeSound(): Promise<void>;
  /** dBFS of what is captured, and of what is being played now. */
  levels(): { you: number; model: number };
  /** Try now what is waited for: the microphone after a `problem`, or the connection. */
  retry(): void;
  /** Go on without the microphone that is waited for, or that the browser still asks about. */
  typeOnly(): void;
  close(): Promise<void>;
}

/** totalMs: from the end of the turn to the first sound at the ear; the parts, if the gateway tells them. */
export interface Turn {
  responseId: string;
  totalMs: number;
  modelMs?: number;
  gatewayMs?: number;
  toolsMs?: number;
  wayMs?: number;
}

export interface Events {
  status: { state: State; sentence: string; attempt?: number; retryInMs?: number; code?: string; closeCode?: number; contextLost?: boolean };
  transcript: { role: "user" | "assistant"; itemId: string; text: string; final: boolean; delta: string; heardChars?: number };
  /** The user's speech, as the model hears it. */
  speech: { active: boolean; itemId: string };
  /** The first sound of an item is heard. */
  speaking: { itemId: string; responseId: string };
  playback: { itemId: string; playedMs: number; receivedMs: number };
  playback_ended: { itemId: string; heardMs: number; interrupted: boolean };
  /** What interrupted was a noise: the item is heard on, from there. */
  goes_on: { itemId: string; offsetMs: number };
  interrupted: { itemId?: string; heardMs: number };
  response: { responseId: string; status: "started" | "completed" | "cancelled" | "failed" | "incomplete"; continues?: boolean };
  latency: Turn;
  tool: { callId: string; name: string; arguments: object; status: "running" | "done" | "failed" | "cancelled"; result?: any; ms?: number };
  error: { code: string; sentence: string; retryable: boolean; field?: string };
  /** A limit is near; nothing is cut off yet.  limit: the name of its setting. */
  limit: { limit: string; used: number; allowed: number; resetAt?: number; currency?: string; sentence: string };
  /** A person who runs the service hears both sides from now on, or does not any more: tell your user. */
  listening: { active: boolean; sentence: string };
  problem: { kind: "microphone_blocked" | "microphone_missing" | "microphone_busy" | "insecure_page" | "sound_blocked"; sentence: string };
  level: { you: number; model: number };
  /** The sound of an answer as it comes, also where nothing plays it. */
  audio: { itemId: string; responseId: string; offsetMs: number; rateHz: number; samples: Float32Array };
  /** For inspectors; text is left out of sound and of what holds a token. */
  message: { direction: "in" | "out"; at: number; text?: string; bytes?: number; type: string };
}
