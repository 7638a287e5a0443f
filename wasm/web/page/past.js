// What happened before that a sentence has to know? Reads each event once, in order, and notes on it what those before it tell.

import { COUNTING, LEASEHOLD, job as row, phase } from "./rows.js";

/** @typedef {import("./captions.js").Said} Said */

export class Past {
  constructor() {
    /** What each job had counted when it put its lease. @type {Map<number, number>} */
    this.counted = new Map();
    /** When a lease ran out that is not known to be another's by now. @type {Map<number, number>} */
    this.ranOut = new Map();
    /** Who was given a slot on which a lease had run out, and whose that was. @type {Map<number, {slot: number, other: number, pool: number}>} */
    this.early = new Map();
    /** The slot that a job was told of last. @type {Map<number, number>} */
    this.slots = new Map();
    /** The limits that were lowered, and not raised since, by pool. @type {Map<number, number>} */
    this.lowered = new Map();
  }

  /**
   * @param {Said[]} events
   * @param {{grace: number, jobs: () => ArrayLike<number>}} how grace, ms; jobs: who is there at Leasehold now, in rows of numbers
   */
  read(events, { grace, jobs }) {
    let there = null;
    // Who runs now ran before, too, if it began before.
    const runs = (number, slot, at) => {
      there ??= runningOf(jobs());
      const one = there.get(number);
      return one !== undefined && one.slot === slot && one.since <= at;
    };
    for (const said of events) {
      if (said.door === COUNTING) this.#compare(said);
      else if (said.door === LEASEHOLD) this.#note(said, grace, runs);
    }
  }

  // Who counted the same number before the other put its lease?
  #compare(said) {
    if (said.counted === undefined || said.counted === null) return;
    this.counted.set(said.job, said.counted);
    if (said.what === "over_limit") said.same = (said.together ?? []).filter((other) => other !== said.job && this.counted.get(other) === said.counted).length;
  }

  #note(said, grace, runs) {
    const { what, at_ms: at, job, cell, next } = said;
    // Whoever knows of the new limit gives nobody a slot above it.
    if (["acquired", "released", "reclaimed", "freed"].includes(what) && cell >= this.lowered.get(said.pool)) said.follows = this.lowered.get(said.pool);
    switch (what) {
      case "limit":
        if (said.step === "asked") break;
        if (said.to < said.from) this.lowered.set(said.pool, said.to);
        else this.lowered.delete(said.pool);
        break;
      case "acquired":
        this.ranOut.delete(job);
        this.slots.set(job, cell);
        break;
      case "expired":
        this.ranOut.set(job, at);
        break;
      case "reclaimed":
        said.runs = runs(job, cell, at);
        if (next !== null && next !== undefined) this.early.set(next, { slot: cell, other: job, pool: said.pool });
        break;
      case "freed":
        if (this.ranOut.has(job)) said.late = at < this.ranOut.get(job) + grace ? "in the grace" : "after it";
        this.ranOut.delete(job);
        break;
      case "over_limit": {
        said.cell = this.slots.get(job);
        const both = ([one, { slot, other, pool }]) => pool === said.pool && runs(one, slot, at) && runs(other, slot, at);
        const pairs = [...this.early].filter(both);
        const [first, pair] = pairs.find(([one]) => one === job) ?? pairs[0] ?? [];
        if (pair !== undefined) said.early = { ...pair, job: first };
        break;
      }
      case "over":
      case "died":
      case "gave_up":
        this.early.delete(job);
        this.slots.delete(job);
        break;
      default:
    }
  }
}

/** Where each job runs, and since when. @param {ArrayLike<number>} jobs */
function runningOf(jobs) {
  const running = new Map();
  for (let at = 0; at < jobs.length; at += row.stride) {
    if (jobs[at + row.phase] === phase.working) running.set(jobs[at + row.job], { slot: jobs[at + row.cell], since: jobs[at + row.since] });
  }
  return running;
}
