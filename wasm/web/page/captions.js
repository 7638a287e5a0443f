// What just happened, in a sentence? From what the simulator says to what a person reads.

import { COUNTING, LEASEHOLD } from "./rows.js";
import { does, who } from "./requests.js";
import { plural, span } from "./words.js";

/** @typedef {{seq: number, at_ms: number, door: number|null, pool: number|null, what: string, [more: string]: any}} Said */

/** How much each is worth telling; what is not here is not told. @type {Record<string, number>} */
const weight = {
  over_limit: 10,
  within_limit: 4,
  limit: 9,
  died: 8,
  lost_lease: 8,
  reclaimed: 7,
  freed: 7,
  expired: 7,
  gave_up: 7,
  call_died: 6,
  lost: 6,
  failed: 5,
  collided: 5,
  throttled: 4,
  released: 3,
  told: 3,
  queued: 2,
  refused: 2,
  acquired: 1,
};

/** What is worth saying aloud as well. */
const loud = new Set(["over_limit", "limit", "died", "lost_lease", "reclaimed", "freed"]);

/** @param {Said} said */
export function worth(said) {
  if (said.what === "released") return said.next === null || said.next === undefined ? 1 : 3;
  return weight[said.what] ?? 0;
}

/** @param {Said} said */
export function isLoud(said) {
  return loud.has(said.what) && (said.what !== "over_limit" || said.first === true);
}

/** @param {Said} said */
export function isAlarm(said) {
  return said.what === "over_limit";
}

const isNumber = (number) => number !== null && number !== undefined;
const job = (number) => (isNumber(number) ? `job ${number}` : "a job that nobody knows any more");

/**
 * @param {Said} said
 * @param {string|null} pool its name, where there are several
 * @returns {string} one or two sentences, or nothing
 */
export function sentence(said, pool) {
  const inPool = pool === null ? "" : ` in ${pool}`;
  const text = words(said, inPool);
  return text === "" ? "" : text[0].toUpperCase() + text.slice(1);
}

/** @param {Said} said @param {string} inPool */
function words(said, inPool) {
  const counting = said.door === COUNTING;
  switch (said.what) {
    case "acquired":
      if (counting) return `${job(said.job)} counted ${said.counted}, under the limit of ${said.limit}, and put its lease${inPool}. Now ${said.held} run.`;
      if (said.waited_ms > 0) return `${job(said.job)} has slot ${said.cell}${inPool} after ${span(said.waited_ms)}: ${said.held} of ${said.limit} run.`;
      return `${job(said.job)} claimed slot ${said.cell}${inPool}: one conditional write, and nobody else can have it.`;
    case "over_limit": {
      const now = `${said.held} ran at once, and the limit is ${said.ceiling}`;
      const same = said.same ?? 0;
      const others = (said.together ?? []).length;
      const unseen = said.held - 1 - others - said.counted;
      if (unseen > 0) return `${job(said.job)} counted only ${said.counted}${inPool}: by its clock ${unseen === 1 ? "a lease" : `${unseen} leases`} had run out that ${unseen === 1 ? "is" : "are"} still in use. It put its own: ${now}.`;
      if (same === 1 && others === 1) return `two callers counted ${said.counted} at the same moment${inPool}. Both got in: ${now}.`;
      const ended = said.counted + same + 1 - said.held;
      if (same > 0 && same === others) return `${same + 1} callers counted ${said.counted} at the same moment${inPool}. All of them got in${ended > 0 ? `, while ${plural(ended, "job")} ended` : ""}: ${now}.`;
      if (same > 0) return `${same === 1 ? "two" : same + 1} callers counted ${said.counted} at the same moment${inPool}, and before the last of them put its lease ${others} others had: ${now}.`;
      if (others > 0) return `${job(said.job)} counted ${said.counted}${inPool}, but before it put its lease ${others === 1 ? "another" : `${others} others`} put theirs: ${now}.`;
      return `${job(said.job)} counted ${said.counted} and put its lease${inPool}: ${now}.`;
    }
    case "within_limit":
      return `enough jobs ended${inPool}: ${said.held} run, which is within the limit again. That came about by itself; nothing saw to it.`;
    case "queued":
      return `every slot is taken${inPool}: ${job(said.job)} joins the queue and sleeps. ${plural(said.waiting, "job waits", "jobs wait")}.`;
    case "refused":
      return `full${inPool}: ${job(said.job)} ${counting ? `counted ${said.held}` : "found no slot"} and will ask again in ${span(said.again_ms - said.at_ms)}.`;
    case "collided":
      return counting
        ? `${job(said.job)} collided with another and looks again.`
        : `two wanted the same row${inPool}; one write was refused, so ${job(said.job)} looks again.`;
    case "released":
      if (said.next !== null && said.next !== undefined) return `${job(said.job)} handed slot ${said.cell} straight to ${job(said.next)}, first in the queue, in one transaction.`;
      return counting ? `${job(said.job)} ended and took its lease away.` : `${job(said.job)} gave slot ${said.cell} back.`;
    case "renewed":
      return `${job(said.job)} renewed its lease in time.`;
    case "expired":
      return counting
        ? `the lease of ${job(said.job)} ran out${inPool}.`
        : `the lease on slot ${said.cell} ran out: nobody renewed it. After the grace another may take it.`;
    case "reclaimed":
      return said.next === null || said.next === undefined
        ? `slot ${said.cell}, left behind by ${job(said.job)}, is free again.`
        : `slot ${said.cell}, left behind by ${job(said.job)}, goes to ${job(said.next)} under a new fence.`;
    case "freed":
      return `the execution of ${job(said.job)} is known to have ended: slot ${said.cell} is freed at once, before its lease runs out.`;
    case "lost_lease":
      return counting
        ? `by its own clock the lease of ${job(said.job)} ran out${inPool} before it was renewed: it stops and starts again.`
        : `by its own clock the lease of ${job(said.job)} ran out${inPool} before it was renewed: it stops and asks again. Rather one too few than one too many.`;
    case "died":
      if (!said.holding) return `the worker of ${job(said.job)} died before it had a lease.`;
      return counting
        ? `the worker of ${job(said.job)} died. Its lease stays in the table and is counted until it runs out.`
        : `the worker of ${job(said.job)} died while it held a slot. Nobody else gets that slot before it is safe.`;
    case "call_died":
      return `the function that ${isNumber(said.job) ? `asked for job ${said.job}` : `ran ${who(said)}`} died half way. Whoever asks again finds out what was done.`;
    case "lost":
      return said.way === "reply"
        ? `the reply to ${who(said)} got lost: it can not know whether its write was made.`
        : `a request of ${who(said)} got lost on the way to the table.`;
    case "failed":
      return `a call for ${who(said)} failed${said.why ? `: ${said.why}` : ""}. That means: not granted.`;
    case "throttled":
      return `the table was too busy for ${who(said)}: it asks again.`;
    case "told":
      return `${job(said.job)} was woken: its task was told that it holds a slot. It never had to ask.`;
    case "gave_up":
      return `${job(said.job)} gave up after ${span(said.waited_ms)}.`;
    case "swept":
      return "";
    case "limit":
      if (said.step === "asked") return `an operator changes the limit${inPool} from ${said.from} to ${said.to} while everything runs.`;
      return `the limit${inPool} is ${said.to} now, it was ${said.from}.`;
    default:
      return "";
  }
}

/** Chooses what to show under each door, and what to say aloud. */
export class Captions {
  /** @param {HTMLElement[]} places one for each door @param {HTMLElement} announcer */
  constructor(places, announcer) {
    this.places = places;
    this.announcer = announcer;
    this.clear();
  }

  clear() {
    this.next = 0;
    /** What each job had counted when it put its lease. @type {Map<number, number>} */
    this.counted = new Map();
    this.shown = [null, null];
    this.shownAt = [-Infinity, -Infinity];
    this.broke = [false, false];
    this.expected = new Set();
    this.expectedUntil = 0;
    this.spokenAt = -Infinity;
    /** What is still to be said aloud. @type {{text: string, value: number}|null} */
    this.unsaid = null;
    this.places.forEach((place) => place.replaceChildren("\u00a0"));
  }

  /** What a visitor just did is told before anything else. @param {string[]} whats @param {number} real */
  expect(whats, real) {
    this.expected = new Set(whats);
    this.expectedUntil = real + 4000;
  }

  /**
   * @param {{events: Said[], next: number}} news since the last time
   * @param {string[]} pools
   * @param {number} real ms of real time
   * @param {{patient: boolean, since: number}} how patient: keep a caption long enough to be read;
   *   since: older things (ms) are only told if there is nothing newer
   */
  take(news, pools, real, { patient, since }) {
    this.next = news.next;
    this.#compare(news.events);
    for (const door of [COUNTING, LEASEHOLD]) {
      let best = null;
      for (const said of news.events) {
        if (said.door !== door && said.door !== null) continue;
        if (said.what === "over_limit" && !this.broke[door]) {
          this.broke[door] = true;
          said.first = true;
        }
        if (isLoud(said)) this.#remember(said, door, pools);
        const value = this.#worth(said, real);
        if (value > 0 && (best === null || best.at_ms < since || value >= this.#worth(best, real))) best = said;
      }
      if (best === null) continue;
      const before = this.shown[door];
      const age = real - this.shownAt[door];
      const asked = this.#worth(best, real) > worth(best);
      const due = before === null || !patient || asked || age > 3200 || (age > 1600 && worth(best) >= worth(before)) || (age > 500 && worth(best) > worth(before) + 2);
      if (!due) continue;
      const text = sentence(best, pools.length > 1 && best.pool !== null ? pools[best.pool] : null);
      if (text === "") continue;
      this.shown[door] = best;
      this.shownAt[door] = real;
      this.places[door].textContent = text;
      this.places[door].classList.toggle("alarm", isAlarm(best));
    }
    if (this.unsaid !== null && real - this.spokenAt > 5000) {
      this.say(this.unsaid.text, real);
      this.unsaid = null;
    }
  }

  #worth(said, real) {
    return worth(said) + (real < this.expectedUntil && this.expected.has(said.what) ? 20 : 0);
  }

  // Who counted the same number before the other put its lease?
  #compare(events) {
    for (const said of events) {
      if (said.door !== COUNTING || said.counted === undefined || said.counted === null) continue;
      this.counted.set(said.job, said.counted);
      if (said.what === "over_limit") said.same = (said.together ?? []).filter((other) => other !== said.job && this.counted.get(other) === said.counted).length;
    }
  }

  #remember(said, door, pools) {
    const value = worth(said);
    if (this.unsaid !== null && this.unsaid.value > value) return;
    const text = sentence(said, pools.length > 1 && said.pool !== null ? pools[said.pool] : null);
    this.unsaid = { value, text: said.door === null ? text : `${door === COUNTING ? "Count, then put" : "Leasehold"}: ${text}` };
  }

  /** A request that changed nothing worth a sentence of its own, when stepping. @param {any} brief */
  step(brief) {
    const text = `${who(brief)} ${does(brief)}${brief.reply ? `: ${brief.reply}` : ""}.`;
    const place = this.places[brief.door];
    place.textContent = text[0].toUpperCase() + text.slice(1);
    place.classList.remove("alarm");
    this.shown[brief.door] = null;
  }

  /** @param {string} text @param {number} [real] */
  say(text, real = performance.now()) {
    this.spokenAt = real;
    this.announcer.textContent = text;
  }
}

