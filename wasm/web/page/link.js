// How does a link carry all that is shown? `#s=<base64url of its JSON>`, or `#story=<id>`, each with `&at=<ms>`,
// `&happened=<how many things had happened by then, where a step stopped within that moment>`,
// `&speed=<a speed that a visitor chose>`, `&pace=<the story whose pace is kept>`, `&jobs=<the workload that the controls are
// for, from 1 on>`, `&job=<the job whose requests are listed>` and `&request=<the one that is chosen>`; and the recording beside:
// `&trace=<address>`, `&trace-at=<ms since 1970>`, `&trace-pool=<the only pool that is shown>`.

import { speeds } from "./player.js";

import { shorten } from "./words.js";

/**
 * @typedef {{address: string, at: number|null, pool: string|null}} TraceLink
 * @typedef {{at: number, happened: number|null, speed: number|null, pace: string|null, jobs: number|null, job: number|null, request: number|null, trace: TraceLink|null}} How
 * @typedef {How & {without: string[]}} Read without: what of it makes no sense, in words; the rest is good
 * @typedef {{kind: "none"} & Partial<Read> | {kind: "story", id: string} & Read | {kind: "scenario", scenario: unknown} & Read
 *   | {kind: "bad", why: string}} Link
 */

const longest = 200_000;

/** The latest moment that a link goes to, ms: whatever lies before it is simulated while somebody waits. */
export const latest = 1_800_000;

/** @param {string} hash what the address has after "#" @returns {Link} */
export function readLink(hash) {
  const text = hash.replace(/^#/, "");
  if (text === "" || /^[a-z-]+$/.test(text)) return { kind: "none" }; // an anchor within the page
  const parts = new URLSearchParams(text);
  const how = readHow(parts);
  if (parts.has("story")) return { kind: "story", id: parts.get("story") ?? "", ...how };
  if (!parts.has("s")) return how.trace === null ? { kind: "bad", why: "it names neither a scenario nor a story" } : { kind: "none", ...how };
  const packed = parts.get("s") ?? "";
  if (packed.length > longest) return { kind: "bad", why: "it is longer than any scenario" };
  try {
    return { kind: "scenario", scenario: JSON.parse(unpack(packed)), ...how };
  } catch {
    return { kind: "bad", why: "it was cut off or changed on the way" };
  }
}

/** @param {URLSearchParams} parts @returns {Read} */
function readHow(parts) {
  const without = [];
  /** The number of a part, if it has a good one. */
  const read = (name, called, good, otherwise) => {
    if (!parts.has(name)) return null;
    const value = parts.get(name).trim() === "" ? Number.NaN : Number(parts.get(name));
    if (good(value)) return value;
    without.push(`${called}: ${otherwise(`\u201c${shorten(parts.get(name), 40)}\u201d`)}`);
    return null;
  };
  const counted = (value) => Number.isSafeInteger(value) && value >= 0;
  const one = (name) => read(name, `its ${name}`, counted, (given) => `it is ${given}, not the number of one`);
  const how = {
    at: read("at", "its moment", (value) => Number.isFinite(value) && value >= 0, (given) => `it is ${given}, not a number of milliseconds`) ?? 0,
    happened: read("happened", "its step", counted, (given) => `it is ${given}, not how many things had happened`),
    speed: read("speed", "its speed", (value) => speeds.includes(value), (given) => `it is ${given}, not one of ${speeds.join(", ")}`),
    pace: parts.get("pace"),
    jobs: read("jobs", "the jobs that it names", (value) => Number.isInteger(value) && value >= 1 && value <= 8, (given) => `there is no workload ${given}`),
    job: one("job"),
    request: one("request"),
    trace: null,
  };
  if (parts.has("trace")) {
    const at = read("trace-at", "the moment of its recording", Number.isFinite, (given) => `it is ${given}, not a number of milliseconds`);
    how.trace = { address: parts.get("trace"), at, pool: parts.get("trace-pool") };
  } else {
    for (const [name, called] of [["trace-at", "moment"], ["trace-pool", "pool"]]) if (parts.has(name)) without.push(`the ${called} of its recording: it names no recording`);
  }
  return { ...how, without };
}

/** @param {string} id @param {How} how */
export function storyLink(id, how) {
  return `#story=${id}${rest(how)}`;
}

/** @param {unknown} scenario only what differs from the defaults @param {How} how */
export function scenarioLink(scenario, how) {
  return `#s=${pack(JSON.stringify(scenario))}${rest(how)}`;
}

/** @param {How} how */
function rest({ at, happened, speed, pace, jobs, job, request, trace }) {
  const parts = [
    ["at", at > 0 ? Math.round(at * 1000) / 1000 : null],
    ["happened", happened],
    ["speed", speed],
    ["pace", pace],
    ["jobs", jobs],
    ["job", job],
    ["request", request],
    ["trace", trace?.address],
    ["trace-at", trace?.at],
    ["trace-pool", trace?.pool],
  ];
  return parts.map(([name, value]) => (value === null || value === undefined ? "" : `&${name}=${encodeURIComponent(value).replaceAll("%2F", "/")}`)).join("");
}

/** @param {string} text */
function pack(text) {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** @param {string} packed */
function unpack(packed) {
  const binary = atob(packed.replace(/-/g, "+").replace(/_/g, "/"));
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(binary, (letter) => letter.charCodeAt(0)));
}
