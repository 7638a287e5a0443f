// How does a link carry a whole scenario? `#s=<base64url of its JSON>&at=<ms>`, or `#story=<id>&at=<ms>`, or
// `#trace=<address>`.

/**
 * @typedef {{kind: "none"} | {kind: "story", id: string, at: number} | {kind: "scenario", scenario: unknown, at: number}
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
  if (!Number.isFinite(at) || at < 0) return { kind: "bad", why: `its moment is \u201c${parts.get("at")}\u201d, not a number of milliseconds` };
  if (parts.has("trace")) return { kind: "trace", address: parts.get("trace") ?? "" };
  if (parts.has("story")) return { kind: "story", id: parts.get("story") ?? "", at };
  if (!parts.has("s")) return { kind: "bad", why: "it names neither a scenario nor a story" };
  const packed = parts.get("s") ?? "";
  if (packed.length > longest) return { kind: "bad", why: "it is longer than any scenario" };
  try {
    return { kind: "scenario", scenario: JSON.parse(unpack(packed)), at };
  } catch {
    return { kind: "bad", why: "it was cut off or changed on the way" };
  }
}

/** @param {string} id @param {number} at ms */
export function storyLink(id, at) {
  return `#story=${id}${moment(at)}`;
}

/** @param {unknown} scenario only what differs from the defaults @param {number} at ms */
export function scenarioLink(scenario, at) {
  return `#s=${pack(JSON.stringify(scenario))}${moment(at)}`;
}

function moment(at) {
  return at > 0 ? `&at=${Math.round(at * 1000) / 1000}` : "";
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
