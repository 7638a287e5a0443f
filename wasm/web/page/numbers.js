// What does it come to at each door? The table of peaks, waits, requests and dollars.

import { capital, decimal, dollars, number, percent, plural, sides, span, unbroken } from "./words.js";

/** What stands in each row, by its name in the page; and when that is bad. @type {Record<string, [(door: any) => string, ((door: any) => boolean)?]>} */
const measures = {
  over: [(door) => number(door.over)],
  most_over: [(door) => (door.most_over > 0 ? `+${number(door.most_over)}` : "none"), (door) => door.most_over > 0],
  breaches: [(door) => number(door.breaches), (door) => door.breaches > 0],
  utilisation: [(door) => percent(door.utilisation), (door) => door.utilisation > 1],
  p50: [(door) => (door.waited > 0 ? span(door.wait_p50_ms) : "\u2013")],
  p99: [(door) => (door.waited > 0 ? span(door.wait_p99_ms) : "\u2013")],
  leaseless: [(door) => number(door.leaseless)],
  requests: [(door) => (door.per_job ? decimal(door.per_job.requests) : "\u2013")],
  dollars: [(door) => dollars(door.dollars_per_million_jobs?.total)],
};

/** @param {HTMLTableSectionElement} body @param {any} numbers */
export function showNumbers(body, numbers) {
  for (const row of body.rows) {
    const [say, bad] = measures[row.dataset.measure];
    const cells = row.querySelectorAll("td");
    numbers.doors.forEach((door, which) => {
      const text = say(door);
      if (cells[which].textContent !== text) cells[which].textContent = text;
      cells[which].classList.toggle("bad", bad?.(door) ?? false);
    });
  }
}

/**
 * Why does one side wait longer? In one or two sentences, with the figures that stand above; and who could not come at all.
 * @param {any} numbers
 * @param {{queues: boolean, lowered: boolean, failing: boolean, worse: string, every: number, hasty: {lease: number, delay?: number, skew?: number}|null}} how
 *   queues: jobs wait in a queue at leasehold; lowered: a lower limit has been in force; failing: many messages and calls fail; worse: what
 *   is worse than Leasehold's promise allows, if anything is; every: after how long who was refused asks again, ms; hasty: how long a
 *   lease lasts, and how long a message takes or by how much clocks differ, ms, where the lease may be too short for that
 */
export function whyOneWaits(numbers, how) {
  const why = reason(numbers, how);
  return unbroken(`${why}${whoseWaits(numbers, why.includes(gotIn))}${turnedAway(numbers)}`);
}

function reason({ doors: [counting, leasehold] }, { queues, lowered, failing, worse, every, hasty }) {
  const unkept = leasehold.most_over > 0 ? ` Leasehold did not keep its limit here, as ${worse}.` : "";
  const [there, here] = [counting, leasehold].map((door) => door.wait_p50_ms);
  if (!Number.isFinite(there) || !Number.isFinite(here)) return `The waits are compared here once jobs have got in on both sides.${unkept}`;
  const waits = `Leasehold\u2019s median wait is ${span(here)} against ${span(there)}`;
  // A settling pool is told of where it makes the difference.
  const settled = lowered && here > there ? " A limit was lowered. Leasehold keeps slots closed until nobody can follow the limit of before, so jobs may wait longer." : "";
  const more = here > there ? " A job makes more requests at Leasehold before it runs." : "";
  if (Math.max(here, there) < shortWait) return `${waits}: ${gotIn}, at least half hardly had to wait for another.${more}${unkept}`;
  if (unkept !== "") return `${waits}.${unkept}${counting.most_over > 0 ? " Count, then put did not keep it, either." : ""}${settled}`;
  // What goes wrong on both sides stands behind: a wait would often be as long without it.
  const trouble = `${settled}${wrong(counting, leasehold, failing, hasty)}`;
  // Of those who got in, the median had to wait for another only if about half of them had to.
  const [fullThere, full] = [counting, leasehold].map((door) => door.made_wait * 5 >= door.waited * 2);
  const breached = breaches(counting);
  // Where failures keep most jobs out, there is hardly a queue.
  if (here > there && full && !(failing && breached === "" && fewGotIn(counting, leasehold))) {
    const ran = ranAbove(counting);
    if (ran === "") return `${waits}: ${order(queues, counting, leasehold)}${trouble}`;
    if (counting.breaches * 10 < counting.waited) return `${waits}: ${order(queues, counting, leasehold)} ${ran}.${trouble}`;
    return `${waits}. ${ran}: a job that gets in although there is no room does not wait. ${capital(order(queues, counting, leasehold))}${trouble}`;
  }
  // Two or three requests take no seconds.
  if (here > there) return `${waits}.${here - there < 1500 ? more : ""}${trouble}${breached}`;
  // Waits of jobs that should not have got in say nothing of who is served sooner.
  if (here < there && breached !== "") return `${waits}.${breached}`;
  if (here === there) return `The median wait is ${span(here)} on both sides.`;
  return `${waits}${fullThere && !fewGotIn(counting, leasehold) ? sooner(queues, counting, every) : ""}.${trouble}`;
}

/** How many ran above a limit at Count, then put, in the pool where it was worst. */
function ranAbove({ pools }) {
  const worst = pools.reduce((most, pool) => (pool.most_over > most.most_over ? pool : most));
  if (worst.most_over === 0) return "";
  const named = pools.length > 1 ? ` in ${worst.prefix}` : "";
  // A limit that has changed since is not the one that was exceeded.
  if (worst.peak !== worst.limit + worst.most_over) return `Count, then put ran up to ${plural(worst.most_over, "job")} more than its limit allowed${named}`;
  return `Count, then put ran up to ${plural(worst.peak, "job")} at once${named}, where ${number(worst.limit)} may`;
}

/** What goes wrong often enough to be felt: leases that run out, or else messages and calls that fail. */
function wrong(counting, leasehold, failing, hasty) {
  if ((hasty || !failing) && [counting, leasehold].some((door) => door.waited > 0 && door.lost_leases * 10 >= door.waited)) {
    const short = hasty ? `: a lease of ${span(hasty.lease)} is too short where ${hasty.delay ? `a message takes ${span(hasty.delay)} one way` : `clocks differ by up to ${span(hasty.skew)}`}` : "";
    return ` Many leases run out before they are renewed, and their jobs ask again${short}.`;
  }
  if (!failing) return "";
  const fewer = leasehold.wait_p50_ms < counting.wait_p50_ms && leasehold.waited * 2 < counting.waited ? " A job makes more requests at Leasehold before it runs, so fewer have got in." : "";
  return ` Messages and calls fail here: a job that meets a failure asks again.${fewer}`;
}

/** Whose waits they are. */
const gotIn = "of the jobs that got in";

/** How often Count, then put let in a job that should have waited, where that is not seldom. */
function breaches({ breaches, waited }) {
  if (breaches * 5 < waited || breaches === 0) return "";
  return ` Count, then put let in a job ${plural(waited, "time")}, ${number(breaches)} of them above its limit.`;
}

/** A median wait below this is made of requests, ms. */
const shortWait = 300;

/** The longest time after which Leasehold advises a job to ask again, where leases do not last for minutes, ms. */
const advised = 3000;

/** What makes jobs wait longer at Count, then put, if anything does that is known. */
function sooner(queues, counting, every) {
  const why = [];
  if (queues) why.push("a free slot goes to the first in the queue at once. At Count, then put a job that was refused waits until it asks again");
  else if (every > advised) why.push(`Leasehold\u2019s reply says when to ask again. At Count, then put a job that was refused waits ${span(every)}`);
  if (counting.died > 0) why.push(`${why.length > 0 ? "" : "at Count, then put "}the lease of a dead job counts until it runs out`);
  return why.length > 0 ? `: ${why.join(", and ")}` : "";
}

/** Who is served first, and what that comes to for the last. */
function order(queues, counting, leasehold) {
  const first = queues ? "the queue of Leasehold serves the jobs in the order in which they came. Count, then put lets in the jobs that happen to ask when there is room" : "on both sides a job that finds no room asks again later, and luck decides who is next";
  return `${first}. 99 of 100 wait up to ${span(counting.wait_p99_ms)} there, ${span(leasehold.wait_p99_ms)} at Leasehold.`;
}

/** Whether one side has let in less than half as many as the other, and more of its jobs have no lease yet. */
function fewGotIn(...doors) {
  const [few, many] = doors.sort((one, other) => one.waited - other.waited);
  return few.waited * 2 < many.waited && few.leaseless > many.leaseless;
}

/**
 * Whose waits they are, where many others have no lease yet: at either side a fifth as many as got in, or so that the shorter waits are those of few.
 * @param {any} numbers @param {boolean} told that they are those of the jobs that got in
 */
function whoseWaits({ doors }, told) {
  const [there, here] = doors.map((door) => door.wait_p50_ms);
  if (!Number.isFinite(there) || !Number.isFinite(here)) return "";
  const few = (door, other) => door.wait_p50_ms < other.wait_p50_ms && door.waited < other.waited && fewGotIn(door, other);
  const many = [0, 1].filter((which) => doors[which].leaseless * 5 >= doors[which].waited || few(doors[which], doors[1 - which]));
  if (many.length === 0) return "";
  const times = doors.map((door, which) => `${plural(door.waited, "time")} at ${sides[which]}`).join(" and ");
  const without = many.map((which, at) => `${number(doors[which].leaseless)} ${at === 0 ? "have no lease yet " : ""}at ${sides[which]}`).join(" and ");
  const dead = many.length === 1 && many[0] === 0 && doors[0].died > 0 ? ", where the lease of a dead job counts until it runs out" : "";
  return `${told ? "" : ` These are the waits ${gotIn}, ${times}.`} ${without}${dead}.`;
}

/** That not all jobs could come: no more than 10,000 are in flight (sim/src/simulator/fleet.rs). */
function turnedAway({ doors }) {
  if (!doors.some((door) => door.turned_away > 0)) return "";
  const [counting, leasehold] = doors.map((door) => number(door.turned_away));
  return ` While 10,000 jobs are in flight no more can come: ${counting} were turned away at Count, then put and ${leasehold} at Leasehold, not always the same ones.`;
}

/** @param {any} prices @param {any} numbers what was spent, or null */
export function priceNote(prices, numbers) {
  const [counting, leasehold] = (numbers?.doors ?? []).map((door) => door.dollars_per_million_jobs);
  const split = counting && leasehold ? ` Transitions alone: ${dollars(counting.transitions)} and ${dollars(leasehold.transitions)}; each time a job asks again costs one. Lambda\u2019s time is not counted.` : "";
  const [less, more] = (numbers?.doors ?? []).map((door) => door.per_job?.requests);
  const why = more > less && leasehold.total < counting.total ? " Leasehold makes more requests, but a request costs far less than a transition." : "";
  return `Prices of ${prices.as_of}, ${prices.region}, on demand: $${prices.write_per_million} per million writes, $${prices.read_per_million} per million reads, $${prices.transition_per_million} per million state transitions. All that was spent is divided by the jobs done.${split}${why}`;
}
