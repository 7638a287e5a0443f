// How does a link carry all that is shown? `#s=<base64url of its JSON>`, or `#story=<id>`, each with `&at=<ms>`,
// `&speed=<a speed that a visitor chose>`, `&pace=<the story whose pace is kept>` and `&jobs=<the workload that the controls are
// for, from 1 on>`; or `#trace=<address>`.

import { speeds } from "./player.js";

import { shorten } from "./words.js";

/**
 * @typedef {{at: number, speed: number|null, pace: string|null, jobs: number|null}} How
 * @typedef {{kind: "none"} | {kind: "story", id: string} & How | {kind: "scenario", scenario: unknown} & How
 *   | {kind: "trace", address: string} | {kind: "bad", why: string}} Link
 */

const longest = 200_000;

/** The latest moment that a link goes to, ms: whatever lies before it is simulated while somebody waits. */
export const latest = 1_800_000;

/** @param {string} hash what the address has after "#" @returns {Link} */
export function readLink(hash) {
  const text = hash.replace(/^#/, "");
  if (text === "" || /^[a-z-]+$/.test(text)) return { kind: "none" }; // an anchor within the page
  const parts = new URLSearchParams(text);
  const at = parts.has("at") ? Number(parts.get("at")) : 0;
  if (!Number.isFinite(at) || at < 0) return { kind: "bad", why: `its moment is \u201c${shorten(parts.get("at") ?? "", 40)}\u201d, not a number of milliseconds` };
  const speed = parts.has("speed") ? Number(parts.get("speed")) : null;
  if (speed !== null && !speeds.includes(speed)) return { kind: "bad", why: `its speed is \u201c${shorten(parts.get("speed") ?? "", 40)}\u201d, not one of ${speeds.join(", ")}` };
  const jobs = /^[1-8]$/.test(parts.get("jobs") ?? "") ? Number(parts.get("jobs")) : null;
  const how = { at, speed, pace: parts.get("pace"), jobs };
  if (parts.has("trace")) return { kind: "trace", address: parts.get("trace") ?? "" };
  if (parts.has("story")) return { kind: "story", id: parts.get("story") ?? "", ...how };
  if (!parts.has("s")) return { kind: "bad", why: "it names neither a scenario nor a story" };
  const packed = parts.get("s") ?? "";
  if (packed.length > longest) return { kind: "bad", why: "it is longer than any scenario" };
  try {
    return { kind: "scenario", scenario: JSON.parse(unpack(packed)), ...how };
  } catch {
    return { kind: "bad", why: "it was cut off or changed on the way" };
  }
}

/** @param {string} id @param {How} how */
export function storyLink(id, how) {
  return `#story=${id}${rest(how)}`;
}

/** @param {unknown} scenario only what differs from the defaults @param {How} how */
export function scenarioLink(scenario, how) {
  return `#s=${pack(JSON.stringify(scenario))}${rest(how)}`;
}

function rest({ at, speed, pace, jobs }) {
  const moment = at > 0 ? `&at=${Math.round(at * 1000) / 1000}` : "";
  return `${moment}${speed === null ? "" : `&speed=${speed}`}${pace === null ? "" : `&pace=${encodeURIComponent(pace)}`}${jobs === null ? "" : `&jobs=${jobs}`}`;
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
