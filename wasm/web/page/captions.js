// What just happened, in a sentence? From what the simulator says to what a person reads.

import { Past } from "./past.js";
import { COUNTING, LEASEHOLD } from "./rows.js";
import { does, who } from "./requests.js";
import { capital, closedOf, moment, number, plural, sides, span, unbroken, waitsFor } from "./words.js";

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

const isNumber = (value) => value !== null && value !== undefined;
const job = (one) => (isNumber(one) ? `job ${one}` : "a job that has left");

/**
 * @param {Said} said
 * @param {string|null} pool its name, where there are several
 * @returns {string} one to three short sentences, or nothing
 */
export function sentence(said, pool) {
  const text = words(said);
  if (text === "") return "";
  return capital(pool === null ? text : `in ${pool}, ${text}`);
}

/** @param {Said} said */
function words(said) {
  const counting = said.door === COUNTING;
  switch (said.what) {
    case "acquired": {
      if (!counting && said.waited_ms > 0) return `${job(said.job)} has slot ${said.cell} after ${span(said.waited_ms)}${byBefore(said)}. ${ofLimit(said)}.`;
      if (!counting) return `${job(said.job)} wrote its name on slot ${said.cell}, which was free. Nobody else can have it now.`;
      const change = said.held - said.counted - 1;
      const others = change > 0 ? "Others did the same. " : "";
      // A job that was counted may have ended since, have died, or not know yet that it has a lease.
      const now = `Now ${number(said.held)} ${change < 0 ? "of them run" : said.held === 1 ? "runs" : "run"}.`;
      // Who follows the limit from before a lowering does not see that there are enough.
      const enough = said.counted < said.limit ? `fewer than ${number(said.limit)}` : `fewer than ${ofBefore(said.limit)}`;
      return `${job(said.job)} counted ${number(said.counted)}, ${enough}, and put its lease. ${others}${now}`;
    }
    case "over_limit":
      return counting ? countedTooFew(said) : tookTooEarly(said);
    case "within_limit": {
      const now = `${number(said.held)} ${said.held === 1 ? "runs" : "run"}, no more than may run now`;
      return counting ? `enough jobs have ended: ${now}. Nobody repaired it; it will happen again.` : `enough jobs have ended or stopped: ${now}.`;
    }
    case "queued":
      return `${job(said.job)} found no open slot${byOlder(said)}. It joins the queue and sleeps.`;
    case "refused":
      return `${job(said.job)} ${counting ? countedEnough(said) : `found no free slot${byOlder(said)}`}. It asks again in ${span(said.again_ms - said.at_ms)}.`;
    case "collided":
      return counting
        ? `${capital(job(said.job))} and another wrote at once: it looks again.`
        : `two wanted the same row, and one write was refused. ${capital(who(said))} looks again.`;
    case "released":
      if (isNumber(said.next)) return `${job(said.job)} ended. In one transaction it handed slot ${said.cell} to ${job(said.next)}, the first in the queue.${isNumber(said.follows) ? ` It still follows the limit of before (it is ${number(said.follows)} now).` : ""}`;
      return counting ? `${job(said.job)} ended and deleted its lease.` : `${job(said.job)} ended and gave slot ${said.cell} back.`;
    case "renewed":
      return `${job(said.job)} renewed its lease in time.`;
    case "expired":
      return counting
        ? `the lease of ${job(said.job)} ran out.`
        : `nobody renewed the lease on slot ${said.cell}, and it ran out. Another job may take the slot once the grace has passed.`;
    case "reclaimed":
      if (said.runs) return `${ranOutByOneClock(said.cell)} ${isNumber(said.next) ? `So ${job(said.next)} gets that slot` : "So that slot was taken back"}, but ${job(said.job)} still runs on it.`;
      return isNumber(said.next)
        ? `slot ${said.cell}, left behind by ${job(said.job)}, goes to ${job(said.next)}${byBefore(said)}. Late writes of ${job(said.job)} are refused from now on.`
        : `slot ${said.cell}, left behind by ${job(said.job)}, is taken back.`;
    case "freed":
      return `the ${said.why === "ended" ? "workflow" : "task"} of ${job(said.job)} is known to have ended: slot ${said.cell} ${isNumber(said.next) ? `goes to ${job(said.next)}` : "is taken back"} at once${sooner[said.late ?? "in time"]}${isNumber(said.next) ? byBefore(said) : ""}.`;
    case "lost_lease":
      return `by its own clock the lease of ${job(said.job)} ran out before it was renewed. It stops and asks again${counting ? "." : ": better one job too few than one too many."}`;
    case "died":
      if (!said.holding) return `the worker of ${job(said.job)} died before it had a lease.`;
      return counting
        ? `the worker of ${job(said.job)} died. Its lease stays in the table and is counted until it runs out.`
        : `the worker of ${job(said.job)} died while it held a slot. Nobody else gets that slot before it is safe.`;
    case "call_died":
      return `the function that ${isNumber(said.job) ? `asked for job ${said.job}` : `ran ${who(said)}`} ended half-way: it died, or ran out of time. The next call finds out what was done.`;
    case "lost":
      return said.way === "reply"
        ? `the reply to ${who(said)} got lost: it cannot know whether its write was made.`
        : `a request of ${who(said)} got lost on its way to the table.`;
    case "failed":
      return `a call for ${who(said)} failed${said.why ? `: ${said.why}` : ""}. A failed call is never taken for a lease.`;
    case "throttled":
      return `the table refused a request of ${who(said)}: too many at once. It asks again.`;
    case "told":
      return said.once ? `${job(said.job)} was told that it has a slot. It slept until now, and asked only once.` : `${job(said.job)} was told after ${span(said.waited_ms)} that it has a slot.`;
    case "gave_up":
      return `${job(said.job)} gave up after ${span(said.waited_ms)}.`;
    case "limit":
      if (said.step === "asked" && said.to === said.from) return `an operator asks for the limit ${number(said.to)} again.`;
      if (said.step === "asked") return `an operator changes the limit from ${number(said.from)} to ${number(said.to)} while everything runs.`;
      return said.to === said.from ? `the limit stays ${number(said.to)}.` : `the limit is ${number(said.to)} now; it was ${number(said.from)}.`;
    default:
      return "";
  }
}

/** What nobody had to wait for, by what had passed when a slot was freed. @type {Record<string, string>} */
const sooner = { "in time": ", before its lease runs out", "in the grace": ", before the grace has passed", "after it": "" };

/** The limit that somebody follows who does not know of the one that there is. @param {number} now */
function ofBefore(now) {
  return `the limit of before, which it still follows (it is ${number(now)} now)`;
}

/** That a job went by a limit that was raised since, where it did. @param {Said} said */
function byOlder({ followed, limit }) {
  return followed < limit ? ` by ${ofBefore(limit)}` : "";
}

/** Why a job did not put its lease. @param {Said} said */
function countedEnough({ held, followed, limit }) {
  return `counted ${number(held)}: ${followed < limit && held < limit ? `no fewer than ${ofBefore(limit)}` : "the limit is reached"}`;
}

/** The limit; and, after a lowering, how many may run who are there from before. @param {Said} said */
function theLimit({ limit, ceiling }) {
  return `the limit is ${number(limit)}${ceiling > limit ? ` (${number(ceiling)} may still run, as it was lowered)` : ""}`;
}

/** How a job got in above the limit that had counted. @param {Said} said */
function countedTooFew(said) {
  const same = said.same ?? 0;
  const others = (said.together ?? []).length;
  // Who has put its lease runs once it is told so; others have ended since they were counted.
  const now = `Now ${number(said.held)} ${said.counted + others + 1 > said.held ? "of them run" : "run"}; ${theLimit(said)}.`;
  const unseen = said.held - 1 - others - said.counted;
  const counted = `counted ${number(said.counted)}`;
  // By the limit that there is, nobody gets in who counted so many.
  if (said.counted >= said.limit) return `${job(said.job)} ${counted}, fewer than ${ofBefore(said.limit)}, and put its lease. ${now}`;
  // When a job put its lease once more is not known: a lease had surely run out only where its job ran before the count.
  const passed = said.passed ?? 0;
  if (unseen > 0 && passed >= unseen) return `${job(said.job)} counted only ${number(said.counted)}: by its clock ${plural(passed, "lease")} had run out. ${passed === 1 ? "It is" : "They are"} still in use. ${now}`;
  if (unseen > 0) return `${job(said.job)} counted only ${number(said.counted)}. It did not see all the leases that are in use now. ${now}`;
  if (same > 0 && same === others) return `${same === 1 ? "two" : number(same + 1)} jobs ${counted} at the same moment, and ${same === 1 ? "both" : "all"} got in. ${now}`;
  if (others > 0) return `${job(said.job)} ${counted}. Before it put its lease, ${others === 1 ? "another job" : `${number(others)} other jobs`} put theirs. ${now}`;
  return `${job(said.job)} ${counted} and put its lease. ${now}`;
}

/** How a job got in above the limit at Leasehold, which does not count: a slot was given to it that was another's. @param {Said} said */
function tookTooEarly(said) {
  const now = `Now ${number(said.held)} run; ${theLimit(said)}.`;
  const { early, cell } = said;
  if (early !== undefined) {
    const which = early.job === said.job ? "" : ` And ${job(said.job)} got slot ${cell}.`;
    return `${ranOutByOneClock(early.slot)} So ${job(early.job)} got that slot, but ${job(early.other)} still runs on it.${which} ${now}`;
  }
  if (!isNumber(cell)) return `${job(said.job)} got a slot. ${now}`;
  return `${job(said.job)} got slot ${cell}${cell >= said.limit ? ", by a limit of before" : ""}. ${now}`;
}

/** How many run of how many; after a lowering, more than the limit do. @param {Said} said */
function ofLimit({ held, limit }) {
  return held > limit ? `${number(held)} ${held === 1 ? "runs" : "run"}; the limit is ${number(limit)}` : `${number(held)} of ${number(limit)} run`;
}

/** That a slot lies above a limit that was lowered, where it does. @param {Said} said */
function byBefore(said) {
  return isNumber(said.follows) ? `, by the limit of before (it is ${number(said.follows)} now)` : "";
}

function ranOutByOneClock(slot) {
  return `by one clock the lease on slot ${slot} had run out, and the grace had passed.`;
}

/** As it is said aloud, where nobody sees on which side it stands. @param {number|null} door @param {string} text */
function spoken(door, text) {
  return door === null ? text : `${sides[door]}: ${text}`;
}

/** What is told of a step alone. @param {Said} said @param {string[]} pools */
function quietly(said, pools) {
  switch (said.what) {
    case "arrived":
      return `${job(said.job)} comes${pools.length > 1 ? ` to ${pools[said.pool]}` : ""}.`;
    case "over":
      return `${job(said.job)} leaves, ${span(said.took_ms)} after it came.`;
    case "swept":
      return "the sweep ended.";
    default:
      return "";
  }
}

/** From when on nobody is let in, where the limit is 0. */
function nobodyIsLetIn({ settles_at_ms: settles, ceiling = 0, held }) {
  if (settles !== null) return `nobody is let in from ${moment(settles)} on, when nobody can follow the old limit any more`;
  return ceiling > held ? "nobody is let in any more once all callers know of it" : "nobody is let in";
}

/** How things stand, where nothing just happened. @param {{held: number, limit: number, waiting: number, asks?: number, ceiling?: number, settles_at_ms: number|null, effective: number}[]} pools @param {string[]} names */
export function standing(pools, names) {
  const each = pools.slice(0, 3).map((pool, at) => {
    const shut = closedOf(pool);
    const closed = pool.settles_at_ms === null ? "" : `. Settling until ${moment(pool.settles_at_ms)}: some callers may still follow the old limit, so ${shut === null ? "all slots stay" : `${plural(shut, "slot")} ${shut === 1 ? "stays" : "stay"}`} closed`;
    const waits = waitsFor(pool.waiting, pool.asks);
    const named = pools.length > 1 ? `${names[at]}: ` : "";
    if (pool.limit === 0) return `${named}${number(pool.held)} ${pool.held === 1 ? "runs" : "run"}, ${waits}. The limit is 0: ${nobodyIsLetIn(pool)}.`;
    return `${named}${number(pool.held)} of ${number(pool.limit)} run, ${waits}${closed}.`;
  });
  if (pools.length > each.length) each.push(`And ${plural(pools.length - each.length, "more pool")}.`);
  return each.join(" ");
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
    this.past = new Past();
    this.shown = [null, null];
    this.shownAt = [-Infinity, -Infinity];
    /** The moment of the step that is told. @type {number[]} */
    this.steppedTo = [-1, -1];
    this.broke = [false, false];
    this.expected = new Set();
    this.expectedUntil = 0;
    this.spokenAt = -Infinity;
    /** What is still to be said aloud. @type {{text: string, value: number}|null} */
    this.unsaid = null;
    this.places.forEach((place) => place.replaceChildren("\u00a0"));
    // What was said of another moment, or of another story, is not there to be read.
    this.announcer.textContent = "";
  }

  /** What a visitor just did is told before anything else. @param {string[]} whats @param {number} real */
  expect(whats, real) {
    this.expected = new Set(whats);
    this.expectedUntil = real + 4000;
  }

  /**
   * @param {{events: Said[], next: number}} news since the last time
   * @param {string[]} pools their names, short
   * @param {number} real ms of real time
   * @param {{patient: boolean, since: number, frame: any, grace: number, jobs: (door: number) => ArrayLike<number>}} how patient: keep a caption
   *   long enough to be read; since: older things (ms) are not told; frame: how things stand now; grace and jobs: as Past reads
   */
  take(news, pools, real, { patient, since, frame, grace, jobs }) {
    this.next = news.next;
    this.past.read(news.events, { grace, jobs });
    for (const door of [COUNTING, LEASEHOLD]) {
      let best = null;
      for (const said of news.events) {
        if (said.door !== door && said.door !== null) continue;
        if (said.what === "over_limit" && !this.broke[door]) {
          this.broke[door] = true;
          said.first = true;
        }
        // What is long over when a moment is gone to is not said aloud as if it were now.
        if (isLoud(said) && said.at_ms >= since) this.#remember(said, door, pools);
        const value = this.#worth(said, real);
        if (said.at_ms >= since && value > 0 && (best === null || value >= this.#worth(best, real))) best = said;
      }
      if (best === null) {
        this.#rest(door, frame, pools, real);
        continue;
      }
      const before = this.shown[door];
      const age = real - this.shownAt[door];
      const asked = this.#worth(best, real) > worth(best);
      // At a high speed what is shown is soon long ago.
      const old = before !== null && age > 700 && frame.now_ms - before.at_ms > 5000;
      const due = before === null || old || !patient || asked || age > 3200 || (age > 1600 && worth(best) >= worth(before)) || (age > 500 && worth(best) > worth(before) + 2);
      if (!due) continue;
      const text = sentence(best, pools.length > 1 && best.pool !== null ? pools[best.pool] : null);
      if (text === "") continue;
      this.shown[door] = best;
      this.shownAt[door] = real;
      // Dated, as it may stay while the numbers go on.
      this.places[door].textContent = unbroken(`${moment(best.at_ms)}: ${text}`);
      this.places[door].classList.toggle("alarm", isAlarm(best));
    }
    if (this.unsaid !== null && real - this.spokenAt > 5000) {
      this.say(this.unsaid.text, real);
      this.unsaid = null;
    }
  }

  // What happened long ago is no caption of what is seen now.
  #rest(door, frame, pools, real) {
    if (this.steppedTo[door] === frame.now_ms) return;
    const before = this.shown[door];
    if (before !== null && (real - this.shownAt[door] < 3000 || frame.now_ms - before.at_ms < 1000)) return;
    this.shown[door] = null;
    this.shownAt[door] = real;
    const { pools: seen } = frame.doors[door];
    const none = seen.every((pool) => pool.held + pool.waiting + pool.asking === 0);
    const text = frame.now_ms === 0 && none ? "The jobs come from now on." : unbroken(standing(seen, pools));
    if (this.places[door].textContent !== text) this.places[door].textContent = text;
    this.places[door].classList.remove("alarm");
  }

  #worth(said, real) {
    return worth(said) + (real < this.expectedUntil && this.expected.has(said.what) ? 20 : 0);
  }

  #remember(said, door, pools) {
    const value = worth(said);
    if (this.unsaid !== null && this.unsaid.value > value) return;
    const text = sentence(said, pools.length > 1 && said.pool !== null ? pools[said.pool] : null);
    // What an operator asks for is asked for at both doors.
    const of = said.what === "limit" && said.step === "asked" ? null : said.door;
    this.unsaid = { value, text: spoken(of, text) };
  }

  /**
   * What a step came to, where it is not worth a caption while the show goes on. It stays until the show goes on.
   * @param {{at_ms: number, door: number|null, said: Said[], request: any}} stepped
   * @param {string[]} pools
   */
  step({ at_ms: at, door, said, request }, pools) {
    // It is told as it is shown: with what is known of what came before it.
    const shown = said.find((one) => worth(one) > 0 && one.seq === this.shown[one.door ?? LEASEHOLD]?.seq);
    if (shown !== undefined) {
      const told = this.shown[shown.door ?? LEASEHOLD];
      this.unsaid = null;
      return this.say(spoken(told.door, sentence(told, pools.length > 1 && told.pool !== null ? pools[told.pool] : null)));
    }
    const quiet = said.find((one) => quietly(one, pools) !== "");
    const text = request ? `${who(request)} ${does(request)}${request.reply ? `: ${request.reply}` : ""}.` : quiet ? quietly(quiet, pools) : "";
    if (text === "") return;
    for (const which of request || quiet.door !== null ? [door] : [COUNTING, LEASEHOLD]) {
      this.places[which].textContent = unbroken(`${moment(at)}: ${capital(text)}`);
      this.places[which].classList.remove("alarm");
      this.shown[which] = null;
      this.steppedTo[which] = at;
    }
    this.say(spoken(request || quiet.door !== null ? door : null, capital(text)));
  }

  /** @param {string} text @param {number} [real] */
  say(text, real = performance.now()) {
    this.spokenAt = real;
    this.announcer.textContent = text;
  }
}

