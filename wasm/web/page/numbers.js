// What does it come to at each door? The table of peaks, waits, requests and dollars.

import { dollars, number, percent, span, trim } from "./words.js";

/** What stands in each row, by its name in the page; and when that is bad. @type {Record<string, [(door: any) => string, ((door: any) => boolean)?]>} */
const measures = {
  over: [(door) => number(door.over)],
  most_over: [(door) => (door.most_over > 0 ? `+${number(door.most_over)}` : "none"), (door) => door.most_over > 0],
  breaches: [(door) => number(door.breaches), (door) => door.breaches > 0],
  utilisation: [(door) => percent(door.utilisation), (door) => door.utilisation > 1],
  p50: [(door) => (door.waited > 0 ? span(door.wait_p50_ms) : "\u2013")],
  p99: [(door) => (door.waited > 0 ? span(door.wait_p99_ms) : "\u2013")],
  requests: [(door) => (door.per_job ? trim(door.per_job.requests, 1) : "\u2013")],
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
 * @param {any} numbers @param {boolean} queues whether jobs wait in a queue at leasehold
 */
export function whyOneWaits({ doors: [counting, leasehold] }, queues) {
  const [there, here] = [counting, leasehold].map((door) => door.wait_p50_ms);
  if (!Number.isFinite(there) || !Number.isFinite(here)) return "The waits are compared here once jobs have waited.";
  const waits = `${span(here)} against ${span(there)}`;
  const worst = counting.pools.reduce((most, pool) => (pool.most_over > most.most_over ? pool : most));
  if (here > there && worst.most_over > 0) {
    const named = counting.pools.length > 1 ? ` in ${worst.prefix}` : "";
    return `Leasehold\u2019s jobs wait ${waits}, because it keeps the limit. Count, then put ran up to ${number(worst.peak)} jobs at once${named}, where ${number(worst.limit)} may: a job that gets in although there is no room does not wait.`;
  }
  if (here > there) {
    const order = queues ? "its queue serves the jobs in the order in which they came" : "it claims each slot by itself";
    return `Leasehold\u2019s jobs wait ${waits} here: ${order}. Count, then put lets in the jobs that happen to ask when there is room; 99 of 100 wait up to ${span(counting.wait_p99_ms)} there, ${span(leasehold.wait_p99_ms)} at Leasehold.`;
  }
  if (here < there) return `Leasehold\u2019s jobs wait ${waits}${queues ? ": a free slot goes to the first in the queue at once. At Count, then put a job that was refused waits until it asks again" : ""}.`;
  return `Both wait ${span(here)} in the median.`;
}

/** @param {any} prices @param {any} numbers what was spent, or null */
export function priceNote(prices, numbers) {
  const [counting, leasehold] = (numbers?.doors ?? []).map((door) => door.dollars_per_million_jobs);
  const split = counting && leasehold ? ` Transitions alone: ${dollars(counting.transitions)} and ${dollars(leasehold.transitions)}; each time a job asks again costs one. Lambda\u2019s time is not counted.` : "";
  return `Prices of ${prices.as_of}, ${prices.region}, on demand: $${prices.write_per_million} per million writes, $${prices.read_per_million} per million reads, $${prices.transition_per_million} per million state transitions. All that was spent is divided by the jobs done.${split}`;
}
