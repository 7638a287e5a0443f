// How are times, amounts and names written for a person?

/** The names of both sides, by the number of their door. */
export const sides = ["Count, then put", "Leasehold"];

/** @param {number} ms @returns {string} a length of time, in the unit that fits */
export function span(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "\u2013";
  if (ms < 10) return `${trim(ms, 1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${trim(ms / 1000, 2)} s`;
  if (ms < 120_000) return `${trim(ms / 1000, 1)} s`;
  if (ms < 7_200_000) return `${trim(ms / 60_000, 1)} min`;
  return `${trim(ms / 3_600_000, 1)} h`;
}

/** @param {number} ms @returns {string} a moment since the start; never wider than its place, so that nothing jumps */
export function moment(ms) {
  if (ms < 600_000) return `${(ms / 1000).toFixed(3)} s`;
  const tenths = Math.floor(ms / 100);
  return `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")} min`;
}

/** A text in which no line ends between a number and its unit. @param {string} text */
export function unbroken(text) {
  return text.replace(/(\d) (?=(ms|s|min|h|%)(?![a-z]))/g, "$1\u00a0");
}

/** @param {number} value @param {number} digits */
export function trim(value, digits) {
  return value.toFixed(digits).replace(/\.0+$/, "").replace(/(\.\d*?)0+$/, "$1");
}

/** @param {number} count @param {string} one @param {string} [many] */
export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** @param {number} value */
export function number(value) {
  return grouped.format(value);
}

const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** @param {number} value @returns {string} to a tenth */
export function decimal(value) {
  return tenths.format(value);
}

/** On what Leasehold's promise would rest, and does not; every second part is one of the page's words. @param {any} scenario @returns {string[]} */
export function notPromised({ clocks, leases }) {
  return clocks.skew_ms > leases.grace_ms ? ["clocks differ by more than the ", "grace"] : ["the ", "quiet period", " is too short"];
}

/** How many slots of a settling pool are closed; null: all are. @param {{limit: number, effective: number}} pool */
export function closedOf({ limit, effective }) {
  return effective > 0 && effective < limit ? limit - effective : null;
}

/** How many wait; and how many ask, where these are told of. @param {number} count @param {number} asks who has had no answer */
export function waitsFor(count, asks = 0) {
  const waits = count === 0 ? "nobody waits" : plural(count, "waits", "wait");
  return asks > 0 ? `${count === 0 ? "" : `${waits}, `}${plural(asks, "asks", "ask")}` : waits;
}

/** @param {number} share 0 to 1 */
export function percent(share) {
  return Number.isFinite(share) ? `${trim(share * 100, share < 0.1 ? 1 : 0)} %` : "\u2013";
}

/** @param {number|null|undefined} value */
export function dollars(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "\u2013";
  return `$${value < 100 ? value.toFixed(2) : grouped.format(value)}`;
}

/** @param {number} speed simulated time over real time */
export function pace(speed) {
  if (speed === 1) return "real time";
  return speed < 1 ? `1/${Math.round(1 / speed)} of real time` : `${trim(speed, 1)}\u00d7 real time`;
}

/** @param {string} text */
export function capital(text) {
  return text.replace(/^./u, (letter) => letter.toUpperCase());
}

/** A text that others wrote, without what turns, hides or ends the text around it (core/src/harmless.rs). @param {string} text */
export function harmless(text) {
  return String(text).replace(/[\p{Cc}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu, "\ufffd");
}

/** Shortened, but not to what another of the names is shortened to. @param {string} given @param {string[]} names @param {number} most */
export function shortenAmong(given, names, most) {
  const short = shorten(given, most);
  return names.some((name) => name !== given && shorten(name, most) === short) ? harmless(given) : short;
}

/** Shortened in the middle, where names differ least. @param {string} given @param {number} most */
export function shorten(given, most) {
  const name = harmless(given);
  if (name.length <= most) return name;
  const head = Math.ceil((most - 1) / 2);
  return `${name.slice(0, head)}\u2026${name.slice(name.length - (most - 1 - head))}`;
}
