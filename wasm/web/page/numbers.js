// What does it come to at each door? The table of peaks, waits, requests and dollars.

import { decimal, dollars, number, percent, plural, span, unbroken } from "./words.js";

/** What stands in each row, by its name in the page; and when that is bad. @type {Record<string, [(door: any) => string, ((door: any) => boolean)?]>} */
const measures = {
  over: [(door) => number(door.over)],
  most_over: [(door) => (door.most_over > 0 ? `+${number(door.most_over)}` : "none"), (door) => door.most_over > 0],
  breaches: [(door) => number(door.breaches), (door) => door.breaches > 0],
  utilisation: [(door) => percent(door.utilisation), (door) => door.utilisation > 1],
  p50: [(door) => (door.waited > 0 ? span(door.wait_p50_ms) : "\u2013")],
  p99: [(door) => (door.waited > 0 ? span(door.wait_p99_ms) : "\u2013")],
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
 * Why does one side wait longer? In one or two sentences, with the figures that stand above.
 * @param {any} numbers
 * @param {{queues: boolean, lowered: boolean, failing: boolean, worse: string}} how queues: jobs wait in a queue at leasehold; lowered:
 *   a limit was lowered by now; failing: many messages and calls fail; worse: what is worse than Leasehold's promise allows, if anything is
 */
export function whyOneWaits(numbers, how) {
  return unbroken(reason(numbers, how));
}

function reason({ doors: [counting, leasehold] }, { queues, lowered, failing, worse }) {
  const unkept = leasehold.most_over > 0 ? ` Leasehold did not keep its limit here, as ${worse}.` : "";
  const [there, here] = [counting, leasehold].map((door) => door.wait_p50_ms);
  if (!Number.isFinite(there) || !Number.isFinite(here)) return `The waits are compared here once jobs have got in on both sides.${unkept}`;
  const waits = `Leasehold\u2019s median wait is ${span(here)} against ${span(there)}`;
  // A settling pool is told of where it makes the difference.
  const settled = lowered && here > there ? " After the limit was lowered, Leasehold let few jobs in, or none, until the old limit was surely forgotten." : "";
  if (Math.max(here, there) < shortWait) return `${waits}: of the jobs that got in, at least half hardly had to wait for another. A job makes more requests at Leasehold before it runs.${unkept}`;
  if (unkept !== "") return `${waits}.${unkept}${counting.most_over > 0 ? " Count, then put did not keep it, either." : ""}${settled}`;
  const worst = counting.pools.reduce((most, pool) => (pool.most_over > most.most_over ? pool : most));
  if (here > there && worst.most_over > 0) {
    const named = counting.pools.length > 1 ? ` in ${worst.prefix}` : "";
    // A limit that has changed since is not the one that was exceeded.
    const ran = worst.peak === worst.limit + worst.most_over ? `${plural(worst.peak, "job")} at once${named}, where ${number(worst.limit)} may` : `${plural(worst.most_over, "job")} more than its limit allowed${named}`;
    return `${waits}. Count, then put ran up to ${ran}: a job that gets in although there is no room does not wait. And ${order(queues, counting, leasehold)}${settled}`;
  }
  if (here > there && failing) return `${waits}: messages and calls fail here. A job makes more requests at Leasehold before it runs, and meets more of the failures.${settled}`;
  if (here > there) {
    return `${waits}: ${order(queues, counting, leasehold)}${settled}`;
  }
  if (here < there) return `${waits}${queues ? ": a free slot goes to the first in the queue at once. At Count, then put a job that was refused waits until it asks again" : ""}.`;
  return `The median wait is ${span(here)} on both sides.`;
}

/** A median wait below this is made of requests, ms. */
const shortWait = 300;

/** Who is served first, and what that comes to for the last. */
function order(queues, counting, leasehold) {
  const first = queues ? "its queue serves the jobs in the order in which they came" : "on both sides a job that finds no room asks again later";
  return `${first}. Count, then put lets in the jobs that happen to ask when there is room. 99 of 100 wait up to ${span(counting.wait_p99_ms)} there, ${span(leasehold.wait_p99_ms)} at Leasehold.`;
}

/** @param {any} prices @param {any} numbers what was spent, or null */
export function priceNote(prices, numbers) {
  const [counting, leasehold] = (numbers?.doors ?? []).map((door) => door.dollars_per_million_jobs);
  const split = counting && leasehold ? ` Transitions alone: ${dollars(counting.transitions)} and ${dollars(leasehold.transitions)}; each time a job asks again costs one. Lambda\u2019s time is not counted.` : "";
  const [less, more] = (numbers?.doors ?? []).map((door) => door.per_job?.requests);
  const why = more > less && leasehold.total < counting.total ? " Leasehold makes more requests, but a request costs far less than a transition." : "";
  return `Prices of ${prices.as_of}, ${prices.region}, on demand: $${prices.write_per_million} per million writes, $${prices.read_per_million} per million reads, $${prices.transition_per_million} per million state transitions. All that was spent is divided by the jobs done.${split}${why}`;
}
