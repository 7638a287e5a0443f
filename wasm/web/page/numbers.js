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

/** @param {any} prices @param {any} numbers what was spent, or null */
export function priceNote(prices, numbers) {
  const [counting, leasehold] = (numbers?.doors ?? []).map((door) => door.dollars_per_million_jobs);
  const split = counting && leasehold ? ` Transitions alone: ${dollars(counting.transitions)} and ${dollars(leasehold.transitions)}; whoever asks again pays one each time. Lambda\u2019s time is not in it.` : "";
  return `Prices of ${prices.as_of}, ${prices.region}, on demand: $${prices.write_per_million} per million writes, $${prices.read_per_million} per million reads, $${prices.transition_per_million} per million state transitions. All that was spent, over the jobs done.${split}`;
}
