// What does a visitor see of the two doors? Builds a band for each pool at each door and keeps it up to date.

import { Chart } from "./chart.js";
import * as rows from "./rows.js";
import { Stage } from "./stage.js";
import { term } from "./terms.js";
import { closedOf, harmless, moment, notPromised, number, plural, sides, span, waitsFor } from "./words.js";

/** More than so many requests on their way at once, and no number is written beside them. */
const mostCounts = 100;

/** The verdicts before there is anything to judge. */
const unasked = ["No job has come yet", "No job has got an answer yet"];

/** A longer name has a line of its own, so that what stands beside it moves nothing at one side alone. */
const longName = 15;

export class Doors {
  /**
   * @param {HTMLElement} frame the section that holds both
   * @param {(job: number) => void} choose called with the job a visitor clicked
   */
  constructor(frame, choose) {
    this.articles = [...frame.querySelectorAll("[data-door]")];
    this.choose = choose;
    /** @type {Band[][]} */
    this.bands = [[], []];
    this.chosen = -1;
    /** How many wait, ask and are dead in each pool of each door, as they were drawn last. @type {Counts[][]} */
    this.counts = [[], []];
    this.overflow = [];
    this.chartDue = 0;
    this.wordsDue = 0;
    this.chartTurn = 0;
    this.turn = 0;
    this.observer = new ResizeObserver((entries) => {
      for (const entry of entries) entry.target.dispatchEvent(new Event("fit"));
      this.refit?.();
    });
  }

  /** @param {{prefix: string}[]} pools */
  build(pools) {
    this.observer.disconnect();
    this.overflow = pools.map(() => 0);
    this.bands = this.articles.map((article, door) => {
      const place = article.querySelector("[data-pools]");
      place.dataset.count = String(Math.min(pools.length, 6));
      const bands = pools.map((pool) => new Band(pool.prefix, door, this.choose));
      place.replaceChildren(...bands.map((band) => band.element));
      for (const band of bands) {
        this.observer.observe(band.stage.canvas);
        this.observer.observe(band.chart.canvas);
      }
      return bands;
    });
  }

  /** Nothing moves from where it was to where it is: the show starts from another moment. */
  forget() {
    this.overflow.fill(0);
    for (const band of this.bands.flat()) band.stage.forget();
    this.chartDue = 0;
    this.wordsDue = 0;
  }

  /**
   * @param {import("./player.js").World} world
   * @param {any} frame
   * @param {{dt: number, speed: number, window: number, real: number, heavy?: boolean, paused?: boolean}} how speed: simulated over real time; heavy: one door a frame, in turn
   */
  draw(world, frame, { dt, speed, window, real, heavy = false, paused = false }) {
    this.turn = 1 - this.turn;
    const doors = heavy && dt > 0 ? [this.turn] : [0, 1];
    const taken = world.taken();
    for (const which of doors) {
      const arrays = { jobs: world.jobs(which), requests: world.requests(which), taken: which === rows.LEASEHOLD ? taken : rows.none };
      this.#learnOverflow(which, arrays.jobs, frame);
      this.counts[which] = countsIn(arrays.jobs, frame.doors[which].pools.length);
      frame.doors[which].pools.forEach((pool, index) => {
        this.bands[which][index].stage.draw({
          now: frame.now_ms,
          limit: pool.limit,
          ceiling: pool.ceiling,
          overflow: this.overflow[index],
          places: which === rows.LEASEHOLD,
          over: pool.held > pool.ceiling,
          excess: pool.held - pool.ceiling,
          open: pool.effective,
          ...arrays,
          pool: index,
          counts: which === rows.COUNTING && arrays.requests.length <= rows.request.stride * mostCounts,
          chosen: this.chosen,
          dt: (dt * 2) / doors.length,
          haste: Math.max(1, speed / 2),
        });
      });
    }
    // Whoever is drawn as waiting is counted, in every word on it.
    frame.doors.forEach((door, which) => door.pools.forEach((pool, index) => Object.assign(pool, this.counts[which][index])));
    // Who asks is told of at both doors, or at none: so that one compares the same. Few of them come and go too fast to be read.
    this.bands[0].forEach((_, index) => {
      const both = frame.doors.map((door) => door.pools[index]);
      const told = both.some(({ waiting, asking }) => (paused ? asking > 0 : asking >= 5 && asking * 10 >= waiting));
      for (const pool of both) pool.asks = told ? pool.asking : 0;
    });
    // A slot that is taken for a job which is not told yet is no free one.
    frame.doors[rows.LEASEHOLD].pools.forEach((pool, index) => (pool.taken = takenIn(taken, index)));
    if (dt === 0 || real >= this.wordsDue) {
      this.wordsDue = real + 70;
      frame.doors.forEach((door, which) => door.pools.forEach((pool, index) => this.bands[which][index].say(pool)));
    }
    if (dt === 0 || real >= this.chartDue) {
      this.chartDue = real + 48;
      const all = frame.doors.flatMap((door, which) => door.pools.map((_, index) => ({ which, index })));
      this.chartTurn = (this.chartTurn + 1) % all.length;
      this.#drawCharts(world, frame, window, heavy && dt > 0 ? [all[this.chartTurn]] : all);
    }
  }

  #learnOverflow(which, jobs, frame) {
    const inside = this.overflow.map(() => 0);
    for (let at = 0; at < jobs.length; at += rows.job.stride) {
      const cell = jobs[at + rows.job.cell];
      if (cell < 0) continue;
      const pool = jobs[at + rows.job.pool];
      inside[pool] += 1;
      const above = (which === rows.LEASEHOLD ? cell + 1 : inside[pool]) - frame.doors[0].pools[pool].limit;
      if (above > this.overflow[pool]) this.overflow[pool] = above;
    }
  }

  #drawCharts(world, frame, window, charts) {
    // It fills from the left, and only then moves on.
    const from = Math.max(0, frame.now_ms - window);
    const to = from + window;
    const said = `jobs that run, ${from > 0 ? "last" : "first"} ${span(window)}`;
    for (const index of new Set(charts.map((chart) => chart.index))) {
      // Both doors have the same scale, so that they can be compared.
      const courses = [0, 1].map((door) => this.#course(world, frame, door, index, from));
      const most = 1.12 * Math.max(4, ...courses.flat().map((point) => Math.max(point.most, point.limit)));
      for (const chart of charts) {
        if (chart.index === index) this.bands[chart.which][index].chart.draw({ from, to, most, points: courses[chart.which], said });
      }
    }
  }

  #course(world, frame, door, index, from) {
    const wide = this.bands[door][index].chart.width || 240;
    const flat = world.line(door, index, from, frame.now_ms, Math.max(40, Math.min(240, Math.round(wide / 2))));
    const points = [];
    for (let at = 0; at < flat.length; at += rows.line.stride) {
      const most = flat[at + rows.line.most];
      const limit = flat[at + rows.line.limit];
      const ceiling = flat[at + rows.line.ceiling];
      const before = points.at(-1);
      // A point lasts until the next: where nothing changed there is none.
      const same = before?.most === most && before.limit === limit && before.ceiling === ceiling;
      if (!same) points.push({ at: flat[at + rows.line.from], most, limit, ceiling, until: frame.now_ms });
    }
    return points;
  }

  /** @param {any} numbers @param {any} scenario */
  verdicts(numbers, scenario) {
    const [counting, leasehold] = numbers.doors;
    const say = (which, text, broke) => {
      const article = this.articles[which];
      const place = article.querySelector("[data-verdict-text]");
      const parts = [text].flat();
      const whole = parts.map((part) => part.textContent ?? part).join("");
      if (place.textContent !== whole) place.replaceChildren(...parts);
      article.classList.toggle("broke", broke);
      article.classList.toggle("unasked", unasked.includes(text));
    };
    const verdict = (door) => {
      if (door.breaches === 0 && door.most_over === 0) return hasAsked(door) ? "Never above its limit" : unasked[door.arrived > 0 ? 1 : 0];
      return `Up to ${number(door.most_over)} too many`;
    };
    say(0, verdict(counting), counting.most_over > 0);
    const broke = leasehold.most_over > 0;
    this.articles[1].classList.toggle("unpromised", !numbers.promised && !broke);
    if (numbers.promised) say(1, verdict(leasehold), broke);
    else say(1, [broke ? `${verdict(leasehold)}. ` : "", "Not promised: ", ...notPromised(scenario).map((part, at) => (at % 2 === 1 ? term(part) : part))], broke);
  }
}

/** One pool at one door. */
class Band {
  constructor(prefix, door, choose) {
    this.element = document.createElement("div");
    this.element.className = "pool";
    this.element.setAttribute("role", "group");
    this.element.innerHTML = `<header class="pool-head"><h3></h3><p class="pool-held"><strong></strong> of <span></span></p><p class="pool-over"></p><p class="pool-waits"></p></header>
      <canvas class="stage" aria-hidden="true"></canvas><canvas class="chart" aria-hidden="true"></canvas>`;
    const name = this.element.querySelector("h3");
    name.textContent = harmless(prefix);
    this.element.classList.toggle("long-name", prefix.length > longName);
    this.element.setAttribute("aria-label", `Pool ${prefix}, ${sides[door]}`);
    this.held = this.element.querySelector("strong");
    this.limit = this.element.querySelector(".pool-held span");
    this.over = this.element.querySelector(".pool-over");
    this.waits = this.element.querySelector(".pool-waits");
    const [stage, chart] = this.element.querySelectorAll("canvas");
    this.stage = new Stage(stage);
    this.chart = new Chart(chart);
    stage.addEventListener("fit", () => this.stage.fit());
    chart.addEventListener("fit", () => this.chart.fit());
    stage.addEventListener("click", (event) => {
      const job = this.stage.jobAt(event.offsetX, event.offsetY);
      if (job >= 0) choose(job, door);
    });
    this.last = "";
  }

  say({ limit, wished, ceiling, held, waiting, asks, effective, settles_at_ms: settles, taken = 0, dead = 0 }) {
    const over = Math.max(0, held - ceiling);
    const now = `${limit} ${wished} ${held} ${waiting} ${asks} ${over} ${effective} ${settles} ${taken} ${dead} ${ceiling > limit} ${ceiling > held}`;
    if (now === this.last) return;
    this.last = now;
    this.held.textContent = number(held);
    this.limit.textContent = number(limit);
    const [text, why] = over > 0 ? breach({ limit, ceiling, over }) : passing({ limit, wished, ceiling, held, effective, settles, taken, dead });
    this.over.textContent = text;
    this.over.title = why;
    this.element.classList.toggle("passing", over === 0 && text !== "");
    this.waits.textContent = waitsFor(waiting, asks);
    this.element.classList.toggle("over", over > 0);
  }
}

/** How many slots of a pool are taken though no job is drawn in them, of rows of numbers. */
function takenIn(taken, pool) {
  let count = 0;
  for (let at = 0; at < taken.length; at += rows.taken.stride) if (taken[at + rows.taken.pool] === pool) count += 1;
  return count;
}

/**
 * @typedef {object} Counts
 * @property {number} waiting
 * @property {number} asking
 * @property {number} dead jobs whose lease lasts
 */

/** How many of each in each pool, of jobs in rows of numbers. @returns {Counts[]} */
function countsIn(jobs, pools) {
  const counts = Array.from({ length: pools }, () => ({ waiting: 0, asking: 0, dead: 0 }));
  for (let at = 0; at < jobs.length; at += rows.job.stride) {
    const phase = jobs[at + rows.job.phase];
    const pool = counts[jobs[at + rows.job.pool]];
    if (rows.isWaiting(phase)) pool.waiting += 1;
    else if (phase === rows.phase.asking) pool.asking += 1;
    // Who died before it had a lease has none that lasts.
    else if (phase === rows.phase.dead && jobs[at + rows.job.cell] >= 0) pool.dead += 1;
  }
  return counts;
}

/** Whether the table has served anything at this door since a job came. */
function hasAsked({ arrived, requests: { reads, writes, transactions } }) {
  return arrived > 0 && reads + writes + transactions > 0;
}

/** Why some may run above a limit. */
const lowered = "The limit was lowered: jobs that run may finish. Until every caller knows of it, more may get in by the limit of before.";

/** How many are too many; and, after a lowering, how many of the others are above the new limit by right. @returns {[string, string]} */
function breach({ limit, ceiling, over }) {
  if (ceiling <= limit) return [`${number(over)} too many`, ""];
  const more = ceiling - limit;
  return [`${number(over)} too many, ${number(more)} may finish`, lowered];
}

/** What is right, and passes, while a limit is changed; and why. @returns {[string, string]} */
function passing(pool) {
  const [text, why] = inForce(pool);
  if (pool.wished === pool.limit) return [text, why];
  return [`${text === "" ? "" : `${text}, `}limit ${number(pool.wished)} asked for`, `It counts once the table says it.${why === "" ? "" : ` ${why}`}`];
}

/** The same, by the limit that the table says. @returns {[string, string]} */
function inForce({ limit, ceiling, held, effective, settles, taken, dead }) {
  if (limit === 0 && held + taken + dead > 0) {
    const parts = [[held, "may finish"], [taken, taken === 1 ? "slot is taken" : "slots are taken"], [dead, dead === 1 ? "dead job has a lease" : "dead jobs have a lease"]];
    const told = parts.filter(([count]) => count > 0).map(([count, words]) => `${number(count)} ${words}`);
    const why = settles === null && ceiling <= held ? "The limit is 0: nobody is let in." : lowered;
    return [`draining: ${told.join(", ")}`, `${why}${taken > 0 ? " A slot may be taken for a job that is not told yet, or that runs no more." : ""}`];
  }
  if (limit === 0 && settles !== null) return [`nobody is let in from ${moment(settles)} on`, lowered];
  if (limit === 0) return ceiling > 0 ? ["draining", lowered] : ["drained", "The limit is 0: nobody is let in."];
  if (held > limit) return [`${number(held - limit)} above the limit may finish`, lowered];
  const shut = closedOf({ limit, effective });
  if (settles !== null) return [`${shut === null ? "" : `${plural(shut, "slot")} `}closed until ${moment(settles)}`, "Settling: some callers may still follow the limit from before it was lowered."];
  return ["", ""];
}

/** How much of the past the charts show, for a speed. @param {number} speed */
export function chartWindow(speed) {
  const wanted = speed * 20_000;
  const steps = [200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000, 120_000, 300_000, 600_000];
  return steps.find((step) => step >= wanted) ?? 600_000;
}
