// How does a table of one's own look? Loads what `leasehold record` saved and plays it; it never leaves the browser.

import { Chart } from "./chart.js";
import * as rows from "./rows.js";
import { Stage } from "./stage.js";
import { capital, harmless, number, plural, shorten, span, unbroken } from "./words.js";

/** @typedef {import("../pkg/leasehold_wasm.js").Replay} Replay */

const largest = 256 * 1024 * 1024;
const together = 6;
/** So many things that happened are told at most. */
const mostTold = 8;
/** The last moment that a date can show. */
const lastMoment = 8.64e15;
/** The highest limit that a pool can have (core/src/types.rs). */
const highestLimit = 10_000;
// As the dashboard tells it, so that two who talk of a moment mean the same one.
const date = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" });
const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: "UTC" });

/** A file may name any number as a moment. @param {Intl.DateTimeFormat} format @param {number} ms since the epoch */
function written(format, ms) {
  return Math.abs(ms) <= lastMoment ? format.format(ms) : `${ms} ms`;
}

const frameOf = `
  <header class="trace-head"><h3 data-title></h3><p class="small soft" data-about></p><p class="note" data-note hidden></p></header>
  <div class="trace-time" data-time>
    <button type="button" data-play><svg aria-hidden="true"><use href="#i-play"/></svg><span>Play</span></button>
    <label class="unseen" for="trace-scrub">Moment of the recording</label>
    <input type="range" id="trace-scrub" min="0" max="1000" value="0" data-scrub>
    <output class="trace-clock" for="trace-scrub" aria-live="off" data-clock></output>
  </div>
  <p class="trace-pools" data-pick hidden><label for="trace-pool">Pool</label> <select id="trace-pool"></select></p>
  <p class="soft" data-none hidden></p>
  <div class="trace-bands" data-bands></div>
  <h3 data-happened>What happened <span class="small soft">(UTC)</span></h3>
  <ol class="trace-log" data-log></ol>`;

export class TraceShow {
  /** @param {HTMLElement} section @param {(said: string) => void} opened called when a visitor chose another recording, with what is told of it */
  constructor(section, opened) {
    this.section = section;
    this.opened = opened;
    /** What the recording is, and what of it is not shown. */
    this.said = "";
    /** Where on this site the recording is; none if it is a visitor's file. @type {string|null} */
    this.address = null;
    this.Replay = null;
    /** @type {Replay|null} */
    this.replay = null;
    this.playing = false;
    this.pending = 0;
    this.waitingFor = null;
    this.message = document.createElement("p");
    this.message.className = "problem";
    this.message.setAttribute("role", "alert");
    this.message.hidden = true;
    this.view = document.createElement("div");
    this.view.className = "trace-view";
    this.view.hidden = true;
    section.append(this.message, this.view);
    this.run = this.run.bind(this);
    this.#connect();
  }

  /** @param {any} Replay */
  ready(Replay) {
    this.Replay = Replay;
  }

  /** A recording that no link can carry. */
  get isFile() {
    return this.replay !== null && this.address === null;
  }

  /** What a link carries of the recording, if there is one that it can. @returns {import("./link.js").TraceLink|null} */
  get link() {
    if (this.replay === null || this.address === null) return null;
    return { address: this.address, at: this.moment === this.replay.from() ? null : this.moment, pool: this.chosen };
  }

  #connect() {
    const file = document.getElementById("trace-file");
    const address = document.getElementById("trace-url");
    file.addEventListener("change", () => {
      if (file.files[0]) this.#take(file.files[0]);
      file.value = "";
    });
    const load = () => this.fetch(address.value).then(() => this.opened(this.said));
    document.getElementById("trace-load").addEventListener("click", load);
    address.addEventListener("keydown", (event) => {
      if (event.key === "Enter") load();
    });
    // Dropped anywhere: a browser would otherwise leave the page for the file.
    let depth = 0;
    addEventListener("dragenter", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      depth += 1;
      document.body.classList.add("dropping");
    });
    addEventListener("dragleave", () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) document.body.classList.remove("dropping");
    });
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      depth = 0;
      document.body.classList.remove("dropping");
      const dropped = event.dataTransfer?.files[0];
      if (dropped) this.#take(dropped);
      else this.refuse("This is not a file. Drop a file that leasehold record wrote.");
    });
  }

  /** @param {File} file */
  async #take(file) {
    await this.read(file);
    this.opened(this.said);
  }

  /** @param {string} text */
  refuse(text) {
    // It is told as an alert.
    this.said = "";
    this.message.textContent = harmless(text);
    this.message.hidden = false;
    this.section.scrollIntoView({ block: "nearest" });
  }

  /** @param {File} file */
  async read(file) {
    if (file.size > largest) {
      this.refuse(`${file.name} is too large: ${number(file.size / 2 ** 20)} MB, at most 256 can be shown.`);
      return;
    }
    try {
      this.open(await file.text(), file.name);
    } catch (error) {
      this.refuse(`${file.name} could not be read: ${error.message ?? error}`);
    }
  }

  /**
   * @param {string} address on this site: the page asks no other
   * @param {{at?: number|null, pool?: string|null}} [how] what of it to show
   */
  async fetch(address, how = {}) {
    const trimmed = address.trim();
    if (trimmed === "") {
      this.refuse("Write the address of a recording first: of a file on this site.");
      return;
    }
    let url;
    try {
      url = new URL(trimmed, location.href);
    } catch {
      this.refuse(`\u201c${trimmed}\u201d is not an address.`);
      return;
    }
    if (url.origin !== location.origin) {
      this.refuse(`The page only loads recordings from its own site (${location.host}), not from ${url.host || url.protocol.replace(/:$/, "")}: save the file and drop it here.`);
      return;
    }
    try {
      const answer = await fetch(url, { credentials: "omit" });
      if (!answer.ok) throw new Error(`the site answered ${answer.status}`);
      if (Number(answer.headers.get("content-length")) > largest) throw new Error("it is larger than 256 MB");
      this.open(await answer.text(), trimmed, { ...how, address: trimmed });
    } catch (error) {
      this.refuse(`${trimmed} could not be loaded: ${error.message ?? error}.`);
    }
  }

  /**
   * @param {string} text @param {string} name
   * @param {{address?: string|null, at?: number|null, pool?: string|null}} [how]
   */
  open(text, name, { address = null, at = null, pool = null } = {}) {
    let replay;
    try {
      replay = new this.Replay(text);
    } catch (error) {
      this.refuse(`${name} is not a recording that can be shown. ${capital(harmless(error.message ?? error))}`);
      return;
    }
    this.replay?.free();
    this.replay = replay;
    this.address = address;
    this.message.hidden = true;
    this.pause();
    const moment = Math.min(replay.to(), Math.max(replay.from(), at ?? replay.from()));
    const known = replay.at(moment).pools.some((one) => one.prefix === pool);
    const [from, to] = [replay.from(), replay.to()].map((ms) => written(date, ms));
    this.#build(name, [
      at !== null && at !== moment && `It is shown without the moment that the link names: the recording lasts from ${from} to ${to} UTC.`,
      pool !== null && !known && `It is shown without the pool that the link names: at this moment there is no pool \u201c${shorten(pool, 64)}\u201d.`,
    ]);
    this.chosen = known ? pool : null;
    this.show(moment);
    this.view.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} name @param {(string|false)[]} without what a link named, and is not shown */
  #build(name, without) {
    const { table, region, program, looks, pools, note } = this.replay.title();
    const lasts = this.replay.to() - this.replay.from();
    this.view.innerHTML = frameOf;
    this.view.hidden = false;
    const part = (key) => this.view.querySelector(`[data-${key}]`);
    this.parts = { play: part("play"), scrub: part("scrub"), clock: part("clock"), bands: part("bands"), none: part("none"), log: part("log"), pick: part("pick") };
    part("title").textContent = `Table ${shorten(table, 80)}`;
    part("about").textContent = [name, region, program, `${plural(looks, "look")} at ${plural(pools, "pool")}`, lasts > 0 ? span(lasts) : ""].filter(Boolean).map((text) => shorten(text, 120)).join(" \u00b7 ");
    const notes = [note && `${capital(harmless(note))}.`, looks === 0 && "It holds no look at any pool: the recording ended before the first.", ...without].filter(Boolean);
    part("note").textContent = notes.join(" ");
    part("note").hidden = notes.length === 0;
    this.said = [`${part("title").textContent}: ${part("about").textContent}.`, ...notes].join(" ");
    // Without a look there is nothing to play.
    for (const one of ["time", "happened", "log"]) part(one).hidden = looks === 0;
    this.parts.play.addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    this.parts.scrub.addEventListener("input", () => {
      this.pause();
      this.show(this.#momentOf(Number(this.parts.scrub.value)));
    });
    // The keys of the simulation, for what has the focus.
    this.parts.scrub.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.key !== " " && event.key !== ".")) return;
      event.preventDefault();
      if (event.key === " ") return this.parts.play.click();
      this.pause();
      this.show(this.replay.next(this.moment));
    });
    this.bands = new Map();
    this.chosen = null;
    this.offered = "";
    const select = this.parts.pick.querySelector("select");
    select.addEventListener("change", () => {
      this.chosen = select.value || null;
      this.show(this.moment);
    });
  }

  #momentOf(thousandth) {
    return this.replay.from() + ((this.replay.to() - this.replay.from()) * thousandth) / 1000;
  }

  play() {
    if (this.moment >= this.replay.to()) this.moment = this.replay.from();
    this.message.hidden = true;
    this.playing = true;
    this.before = 0;
    this.#label();
    this.pending = requestAnimationFrame(this.run);
  }

  pause() {
    this.playing = false;
    cancelAnimationFrame(this.pending);
    if (this.parts) this.#label();
  }

  #label() {
    this.parts.play.querySelector("span").textContent = this.playing ? "Pause" : "Play";
    this.parts.play.querySelector("use").setAttribute("href", this.playing ? "#i-pause" : "#i-play");
  }

  run(real) {
    if (!this.playing) return;
    const dt = this.before === 0 ? 16 : Math.min(100, real - this.before);
    this.before = real;
    // A minute at most, however long the recording is.
    const speed = Math.max(1, (this.replay.to() - this.replay.from()) / 60_000);
    this.show(Math.min(this.replay.to(), this.moment + dt * speed), dt);
    if (this.moment >= this.replay.to()) this.pause();
    else this.pending = requestAnimationFrame(this.run);
  }

  redraw() {
    if (this.replay !== null) this.show(this.moment);
  }

  /** @param {number} moment ms since the epoch @param {number} [dt] */
  show(moment, dt = 0) {
    this.moment = moment;
    const { pools, old_since_ms: since } = this.replay.at(moment);
    /** How long ago each pool was looked at, where that is too long ago to be the present. @type {Map<string, number>} */
    this.old = new Map(pools.flatMap((pool, at) => (since[at] === null ? [] : [[pool.prefix, moment - since[at]]])));
    const from = this.replay.from();
    const length = Math.max(1, this.replay.to() - from);
    this.parts.scrub.value = String(Math.round(((moment - from) / length) * 1000));
    const text = `${written(date, moment)} UTC`;
    this.parts.clock.textContent = text;
    this.parts.scrub.setAttribute("aria-valuetext", text);
    this.#pick(pools);
    const shown = this.chosen === null ? pools.slice(0, together) : pools.filter((pool) => pool.prefix === this.chosen);
    for (const [prefix, band] of this.bands) {
      if (shown.some((pool) => pool.prefix === prefix)) continue;
      band.element.remove();
      this.bands.delete(prefix);
    }
    for (const pool of shown) {
      let band = this.bands.get(pool.prefix);
      if (band === undefined) {
        band = new TraceBand(pool.prefix, this.replay.line(pool.prefix, 400));
        this.bands.set(pool.prefix, band);
        this.parts.bands.append(band.element);
      }
      band.show(pool, { from, to: this.replay.to(), moment, dt, old: this.old.get(pool.prefix) });
    }
    this.parts.none.hidden = shown.length > 0;
    this.parts.none.textContent = this.chosen === null ? "No pool is there at this moment." : `Pool ${harmless(this.chosen)} is not there at this moment.`;
    this.#log(moment, dt, shown.length > 0 && shown.every((pool) => this.old.has(pool.prefix)));
  }

  #pick(pools) {
    const { pick } = this.parts;
    pick.hidden = pools.length <= together && this.chosen === null;
    if (pick.hidden) return;
    // A pool that was chosen stays in the list while it is not there.
    const names = [...new Set([...pools.map((pool) => pool.prefix), ...(this.chosen === null ? [] : [this.chosen])])];
    const select = pick.querySelector("select");
    if (JSON.stringify(names) === this.offered) return;
    this.offered = JSON.stringify(names);
    select.replaceChildren(new Option(`the first ${together}`, ""), ...names.map((name) => new Option(name, name)));
    select.value = this.chosen ?? "";
  }

  // Nothing is known of a time in which nobody looked.
  #log(moment, dt, unseen) {
    if (dt > 0 && performance.now() < (this.logDue ?? 0)) return;
    this.logDue = performance.now() + 250;
    const span = Math.max(10_000, (this.replay.to() - this.replay.from()) / 20);
    const told = this.replay.events(Math.max(this.replay.from(), moment - span), moment);
    const seen = told.filter((event) => this.chosen === null || event.prefix === this.chosen);
    const events = seen.sort((one, other) => one.at_ms - other.at_ms).slice(-mostTold).reverse();
    this.parts.log.replaceChildren(
      ...events.map((event) => {
        const item = document.createElement("li");
        const when = document.createElement("time");
        when.textContent = written(time, event.at_ms);
        const name = document.createElement("span");
        name.className = "mono";
        name.textContent = harmless(event.prefix);
        const text = document.createElement("span");
        text.textContent = unbroken(harmless(tell(event)));
        item.append(when, name, text);
        return item;
      }),
    );
    let note = null;
    const lately = `in the last ${number(Math.max(1, Math.round(Math.min(span, moment - this.replay.from()) / 1000)))} s`;
    if (events.length === 0) note = unseen ? "Nobody has looked for a while." : `No change was seen ${lately}.`;
    else if (seen.length > events.length) note = `${number(seen.length - events.length)} more ${lately}.`;
    if (note === null) return;
    const item = document.createElement("li");
    item.className = "soft";
    item.textContent = note;
    this.parts.log.append(item);
  }
}

/** One pool of a recording. */
class TraceBand {
  constructor(prefix, line) {
    this.element = document.createElement("section");
    this.element.className = "pool";
    this.element.innerHTML = `<header class="pool-head"><h4></h4><p class="pool-held"><strong></strong> of <span></span></p><p class="pool-over"></p><p class="pool-waits"></p><p class="pool-override" hidden></p></header>
      <canvas class="stage still" aria-hidden="true"></canvas><canvas class="chart" aria-hidden="true"></canvas>`;
    const name = this.element.querySelector("h4");
    name.textContent = harmless(prefix);
    const [stage, chart] = this.element.querySelectorAll("canvas");
    this.stage = new Stage(stage);
    this.chart = new Chart(chart);
    this.line = line;
    /** Names of holders, as the numbers that the drawing knows jobs by. @type {Map<string, number>} */
    this.numbers = new Map();
    new ResizeObserver(() => {
      this.stage.fit();
      this.chart.fit();
      if (this.last) this.show(...this.last);
    }).observe(stage);
  }

  #number(holder) {
    const name = `${holder.parent ?? ""}\n${holder.execution}\n${holder.key ?? ""}`;
    let known = this.numbers.get(name);
    if (known === undefined) this.numbers.set(name, (known = this.numbers.size));
    return known;
  }

  show(seen, how) {
    this.last = [seen, { ...how, dt: 0 }];
    const { broken, rest } = seen;
    const pool = broken === undefined ? seen : (rest ?? unreadable(how.moment));
    const unknown = broken !== undefined && !rest;
    // A lease may lie on a row that cannot be read.
    this.element.querySelector("strong").textContent = unknown ? "?" : `${broken === undefined ? "" : "at least "}${number(pool.held)}`;
    this.element.querySelector(".pool-held span").textContent = unknown ? "?" : number(pool.limit);
    const points = courseOf(this.line, how.moment);
    // Who held a lease as the limit was lowered may finish.
    const over = broken === undefined && pool.state === "over_limit" && pool.held > (points.at(-1)?.ceiling ?? pool.limit);
    this.element.querySelector(".pool-over").textContent = broken === undefined ? stateOf(pool, over, how.moment) : `broken: ${shorten(broken, 400)}`;
    const summary = pool.detail === "summary";
    const waits = pool.waiting > 0 ? `${number(pool.waiting)}${pool.waiting_more ? "+" : ""} ${pool.waiting === 1 ? "waits" : "wait"}, the first for ${span(pool.oldest_wait_ms ?? 0)}` : "nobody waits";
    const told = [unknown ? "" : waits, summary && !unknown ? `As the last sweep counted it, ${span(Math.max(0, how.moment - pool.at_ms))} before` : "", how.old === undefined ? "" : `The last look was ${span(how.old)} before`];
    this.element.querySelector(".pool-waits").textContent = unbroken(told.filter(Boolean).join(". "));
    this.element.classList.toggle("old", how.old !== undefined);
    const override = this.element.querySelector(".pool-override");
    override.hidden = !pool.override;
    override.textContent = overrideOf(pool);
    this.element.classList.toggle("over", over || broken !== undefined);
    this.element.classList.toggle("passing", broken === undefined && !over && pool.state !== "starving");

    const jobs = [];
    for (const waiter of pool.queue) jobs.push(this.#number(waiter.holder), 0, rows.phase.queued, waiter.since_ms, -1, -1, 0, 1);
    for (const { slot, lease } of pool.slots) {
      if (lease === null) continue;
      const phase = lease.expired ? rows.phase.dead : rows.phase.working;
      jobs.push(this.#number(lease.holder), 0, phase, lease.acquired_at_ms, lease.expires_at_ms, slot, 0, 0);
    }
    if (summary) jobs.push(...counted(pool));
    const highest = summary ? pool.held : pool.slots.reduce((most, { slot, lease }) => (lease === null ? most : Math.max(most, slot + 1)), 0);
    this.stage.draw({
      now: pool.at_ms,
      limit: pool.limit,
      ceiling: pool.limit,
      overflow: Math.max(0, highest - pool.limit),
      places: true,
      over,
      open: openBelow(pool),
      jobs: Float64Array.from(jobs),
      requests: rows.none,
      // A recording says of each slot who holds it: all of them are drawn.
      taken: rows.none,
      counts: false,
      pool: 0,
      chosen: -1,
      dt: how.dt,
      haste: 1,
    });

    const most = 1.12 * Math.max(4, ...points.map((point) => Math.max(point.most, point.limit)));
    this.chart.draw({ from: how.from, to: how.to, most, points, said: how.to > how.from ? `leases held, the whole ${span(how.to - how.from)}` : "leases held" });
  }
}

/**
 * How a pool fared until a moment, for its chart. How many might hold is not recorded: whoever held a lease as the limit was
 * lowered may go on, and before the first look nobody knows.
 * @param {Float64Array} line @param {number} moment
 */
export function courseOf(line, moment) {
  const points = [];
  let ceiling = 0;
  for (let at = 0; at < line.length; at += rows.traceLine.stride) {
    if (line[at] > moment) break;
    const held = line[at + rows.traceLine.held];
    const limit = line[at + rows.traceLine.limit];
    if (points.length === 0) ceiling = Math.max(limit, held);
    else if (held <= limit || limit >= ceiling) ceiling = limit;
    points.push({ at: line[at], most: held, limit, ceiling, until: Math.min(moment, line[at + rows.traceLine.until]) });
  }
  return points;
}

/** What is drawn of a pool of which nothing can be read. @param {number} moment */
function unreadable(moment) {
  return { at_ms: moment, detail: "rows", limit: 0, held: 0, open: 0, waiting: 0, waiting_more: false, oldest_wait_ms: null, state: "idle", slots: [], queue: [] };
}

/** All that is told of a pool in a few words, where that is not plain to see. */
function stateOf(pool, over, moment) {
  const settles = settlingOf(pool, moment);
  const above = `${number(pool.held - pool.limit)} above the limit`;
  switch (pool.state) {
    case "over_limit":
      return `${above}${over ? "" : " may finish"}`;
    case "settling":
    case "draining":
      return `${pool.held > pool.limit && pool.limit > 0 ? `${above} may finish, ` : ""}${settles === "" ? pool.state : settles}`;
    case "starving":
      return "starving: jobs wait, and nothing moves";
    case "full":
      if (settles !== "") return settles;
      // So lately that nobody else may have the slot yet.
      return pool.expired > 0 ? `full: ${plural(pool.expired, "lease")} just expired` : "full";
    case "ok":
    case "idle":
      return settles;
    default:
      return harmless(pool.state).replaceAll("_", " ");
  }
}

/** What a lowered limit means while it settles. */
function settlingOf({ limit, limit_was: was, open, settles_at_ms: until }, now) {
  if (!Number.isFinite(until)) return "";
  // The highest limit stands for one that nobody could read, too.
  const unread = was === highestLimit;
  const before = unread ? ` (limit was up to ${was}, the highest there is)` : Number.isFinite(was) ? ` (limit was ${was})` : "";
  const moment = `${written(time, until)} UTC`;
  if (limit === 0) return `nobody is let in any more from ${moment} on${before}`;
  // The others go from hand to hand, also where none of them is open just now.
  const some = Number.isFinite(was) && (open > 0 || was - limit < limit) ? Math.max(0, was - limit) : null;
  const subject = some === null ? "" : `${unread ? "up to " : ""}${slots(some)} `;
  // The last look may be from before that moment.
  const over = until > now ? "" : some === null || some === 1 ? "was " : "were ";
  return `${subject}${over}closed until ${moment}${before}`;
}

/** As the dashboard writes it: no number is grouped. @param {number} count */
function slots(count) {
  return `${count} ${count === 1 ? "slot" : "slots"}`;
}

/** Who set the limit, until when and why. */
function overrideOf({ override }) {
  if (!override) return "";
  const until = Number.isFinite(override.until_ms) ? ` until ${written(time, override.until_ms)} UTC` : "";
  return `limit by override of ${shorten(override.who, 60)}${until}: ${shorten(override.why, 200)}`;
}

/**
 * Below which slot may somebody be let in? As many are open as the look says, and those have the lowest numbers. Of a slot that
 * carries a lease which ran out nobody sees whether it is open: it is drawn with its lease.
 */
function openBelow({ detail, limit, held, open, slots }) {
  if (detail === "summary") return Math.min(limit, held + open);
  let left = open;
  for (const { slot, lease } of slots) {
    if (lease !== null && !lease.lapsed) continue;
    if (left === 0) return slot;
    left -= 1;
  }
  return limit;
}

/** The most that are drawn of those a sweep only counted. */
const mostCounted = 2000;

/** A sweep only counts: whoever holds and waits is drawn without a name. */
function counted({ held, waiting }) {
  const jobs = [];
  // No number of a holder that has a name, and not the -1 that stands for nobody.
  let nobody = -2;
  for (let place = 0; place < Math.min(waiting, mostCounted); place += 1) jobs.push(nobody--, 0, rows.phase.queued, 0, -1, -1, 0, 1);
  for (let slot = 0; slot < Math.min(held, mostCounted); slot += 1) jobs.push(nobody--, 0, rows.phase.working, 0, -1, slot, 0, 0);
  return jobs;
}

function named(holder) {
  return shorten(holder?.key || holder?.execution?.split(":").at(-1) || "somebody", 36);
}

/** An event of the core, in words. @param {any} event */
function tell(event) {
  // What ended between two looks may have ended just after the first.
  const after = (length) => ` after ${event.exact === false ? "at most " : ""}${span(length)}`;
  const who = event.holder ? named(event.holder) : "";
  switch (event.what) {
    case "limit_changed":
      return `the limit is ${event.to}, it was ${event.from}${event.override ? ` (${shorten(event.override.who, 60)}: ${shorten(event.override.why, 200)})` : ""}`;
    case "granted":
      return `${who} has slot ${event.slot}${event.waited_ms ? after(event.waited_ms) : ""}`;
    case "granted_again":
      return `${who} asked again and has slot ${event.slot} under fence ${event.fence}`;
    case "released":
      return `${who} gave slot ${event.slot} back${after(event.held_for_ms)}`;
    case "reclaimed":
      return `slot ${event.slot}, whose lease had run out, was taken from ${who}`;
    case "ended":
      return `the lease of ${who} on slot ${event.slot} is over`;
    case "expired":
      return `the lease of ${who} on slot ${event.slot} ran out`;
    case "renewed":
      return `${who} renewed its lease`;
    case "extended":
      return `the lease of ${who} lasts longer`;
    case "unseen":
      return `${plural(event.leases, "lease")} came and went on slot ${event.slot} between two looks`;
    case "fence_broken":
      return `the fence of slot ${event.slot} went from ${event.before} to ${event.after}: rows were deleted or restored`;
    case "gone":
      return "the pool was retired";
    case "made":
      return "the pool was made";
    case "made_again":
      return "the pool was made again";
    case "queued":
      return `${who} joined the queue`;
    case "left_queue":
      return `${who} left the queue${after(event.waited_ms)}${event.gave_up ? ": it gave up" : ""}`;
    default:
      return harmless(event.what).replaceAll("_", " ");
  }
}
