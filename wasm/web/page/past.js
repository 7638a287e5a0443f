// What happened before that a sentence has to know? Reads each event once, in order, and notes on it what those before it tell.

import { COUNTING, LEASEHOLD, job as row, phase } from "./rows.js";

/** @typedef {import("./captions.js").Said} Said */

export class Past {
  constructor() {
    /** What each job had counted when it put its lease. @type {Map<number, number>} */
    this.counted = new Map();
    /** When a lease ran out that is not known to be another's by now. @type {Map<number, number>} */
    this.ranOut = new Map();
    /** The slot that a job was told of last. @type {Map<number, number>} */
    this.slots = new Map();
    /** The limits that were changed, by pool, once the table said so. @type {Map<number, number>} */
    this.limits = new Map();
    /** Who has come and asked for nothing yet (false), or is in the queue after asking once (true). @type {Map<number, boolean>} */
    this.once = new Map();
  }

  /**
   * @param {Said[]} events
   * @param {{grace: number, jobs: (door: number) => ArrayLike<number>}} how grace, ms; jobs: who is there now, in rows of numbers
   */
  read(events, { grace, jobs }) {
    const there = [null, null];
    // Who runs now ran before, too, if it began before.
    const ran = ({ door, pool }, at) => (there[door] ??= runningOf(jobs(door))).filter((one) => one.pool === pool && one.since <= at);
    for (const said of events) {
      if (said.what === "arrived") this.once.set(said.job, false);
      else if (said.door === COUNTING) this.#compare(said, ran);
      else if (said.door === LEASEHOLD) this.#note(said, grace, ran);
    }
  }

  // Who counted the same number before the other put its lease? And how many ran when it counted, and were not counted?
  #compare(said, ran) {
    if (said.counted === undefined || said.counted === null) return;
    this.counted.set(said.job, said.counted);
    if (said.what !== "over_limit") return;
    said.same = (said.together ?? []).filter((other) => other !== said.job && this.counted.get(other) === said.counted).length;
    said.passed = ran(said, said.counted_at_ms).length - said.counted;
  }

  #note(said, grace, ran) {
    const { what, at_ms: at, job, cell } = said;
    // Whoever knows of the new limit gives nobody a slot above it.
    if (["acquired", "released", "reclaimed", "freed"].includes(what) && cell >= (said.limit ?? this.limits.get(said.pool))) said.follows = said.limit ?? this.limits.get(said.pool);
    switch (what) {
      case "limit":
        if (said.step !== "asked") this.limits.set(said.pool, said.to);
        break;
      case "queued":
        // Nobody whose coming is not known has surely asked once.
        if (this.once.get(job) === false) this.once.set(job, true);
        else this.once.delete(job);
        break;
      case "told":
        said.once = this.once.get(job) === true;
        this.once.delete(job);
        break;
      case "acquired":
        this.ranOut.delete(job);
        this.slots.set(job, cell);
        break;
      case "expired":
        this.ranOut.set(job, at);
        break;
      case "reclaimed":
        said.runs = ran(said, at).some((one) => one.job === job && one.slot === cell);
        break;
      case "freed":
        if (this.ranOut.has(job)) said.late = at < this.ranOut.get(job) + grace ? "in the grace" : "after it";
        this.ranOut.delete(job);
        break;
      case "over_limit": {
        said.cell = this.slots.get(job);
        const pairs = twoOnOne(ran(said, at));
        said.early = pairs.find((pair) => pair.job === job) ?? pairs[0];
        break;
      }
      case "over":
      case "died":
      case "gave_up":
        this.slots.delete(job);
        this.once.delete(job);
        break;
      case "refused":
      case "failed":
      case "call_died":
      case "lost":
      case "throttled":
      case "lost_lease":
        this.once.delete(job);
        break;
      default:
    }
  }
}

/** Where each job runs, and since when, in the order in which they began. @param {ArrayLike<number>} jobs */
function runningOf(jobs) {
  const running = [];
  for (let at = 0; at < jobs.length; at += row.stride) {
    if (jobs[at + row.phase] === phase.working) running.push({ job: jobs[at + row.job], pool: jobs[at + row.pool], slot: jobs[at + row.cell], since: jobs[at + row.since] });
  }
  return running.sort((one, other) => one.since - other.since);
}

/** Who was given a slot on which another still runs. @returns {{slot: number, job: number, other: number}[]} */
function twoOnOne(running) {
  const first = new Map();
  const pairs = [];
  for (const { job, slot } of running) {
    if (first.has(slot)) pairs.push({ slot, job, other: first.get(slot) });
    else first.set(slot, job);
  }
  return pairs;
}
