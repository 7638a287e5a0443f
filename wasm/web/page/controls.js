// What can a visitor change, and what does it change in the scenario? One table of controls, and the form made of it.

import { onDrag } from "./drag.js";
import { harmless, number, percent, shorten, span } from "./words.js";

/** Calls with longer ones run out of time all the while, which is another story. */
const delays = [1, 2, 5, 8, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300];
const shares = [0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40];
const lengths = [100, 200, 500, 1000, 1500, 2000, 3000, 4000, 5000, 8000, 10_000, 20_000, 30_000, 60_000];
const amounts = [0, 1, 2, 3, 5, 8, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000, 2000];
const rates = [0, 10, 20, 30, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 3000, 6000];
const limits = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000];

const off = (value, text) => (value === 0 ? "none" : text);

/**
 * A control of one or more numbers of the scenario, all set alike.
 * @typedef {{id: string, name: string, values: number[], say: (value: number) => string, of: (scenario: any, workload: number|null) => [any, string][]}} Control
 */

const field = (part, ...names) => (scenario) => names.map((name) => [scenario[part], name]);
const perWorkload = (name) => (scenario, workload) => (workload === null ? scenario.workloads : [scenario.workloads[workload]]).map((one) => [one, name]);

/** @type {Control[]} */
const ofWorkloads = [
  { id: "burst", name: "Jobs at the start", values: amounts, say: (value) => off(value, number(value)), of: perWorkload("burst") },
  { id: "rate", name: "Jobs a minute after that", values: rates, say: (value) => off(value, number(value)), of: perWorkload("per_minute") },
  { id: "length", name: "A job takes", values: lengths, say: span, of: perWorkload("job_ms") },
];

/** @type {Control[]} */
const ofWorld = [
  { id: "delay", name: "Network delay, one way", values: delays, say: span, of: field("network", "delay_ms") },
  { id: "lost", name: "Messages lost", values: shares, say: (value) => off(value, percent(value / 100)), of: field("failures", "request_lost", "reply_lost") },
  { id: "dies", name: "Workers and calls that die", values: shares, say: (value) => off(value, percent(value / 100)), of: field("failures", "worker_dies", "call_dies") },
  { id: "throttled", name: "Requests refused (too many)", values: shares, say: (value) => off(value, percent(value / 100)), of: field("failures", "throttled") },
  { id: "skew", name: "Clocks differ by up to", values: [0, 50, 100, 200, 500, 800, 1000, 1500, 2000, 5000, 10_000], say: (value) => off(value, span(value)), of: field("clocks", "skew_ms") },
  { id: "lease", name: "A lease lasts", values: [1000, 2000, 3000, 5000, 8000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000], say: span, of: field("leases", "lease_ms") },
  { id: "again", name: "If refused, ask again after", values: [100, 200, 500, 1000, 2000, 3000, 5000, 10_000, 30_000], say: span, of: field("poll", "every_ms") },
];

export class Controls {
  /**
   * @param {HTMLFormElement} form
   * @param {{changed: (scenario: any) => void, limit: (pool: string, limit: number) => void}} hooks
   */
  constructor(form, hooks) {
    this.form = form;
    this.hooks = hooks;
    this.scenario = null;
    this.workload = null;
    this.shape = "";
    this.shownLimits = "";
    /** The limits that were changed live. @type {Map<string, number>} */
    this.inForce = new Map();
    /** The sliders that are being dragged: what they show is theirs until they are let go. @type {Set<HTMLInputElement>} */
    this.dragged = new Set();
    this.shelf = new Shelf();
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  /** The workload that the controls are for, counted from 1 on; null: all of them. */
  get jobs() {
    return this.workload === null ? null : this.workload + 1;
  }

  /** Another scenario: what was taken out of the one before is not put back into this one. @param {number|null} jobs */
  forget(jobs = null) {
    this.shelf = new Shelf();
    this.workload = jobs === null ? null : jobs - 1;
    this.shape = "";
  }

  /** @param {any} scenario @param {Map<string, number>} inForce limits that were changed live */
  show(scenario, inForce) {
    this.scenario = scenario;
    const shape = JSON.stringify([scenario.pools.map((pool) => pool.prefix), scenario.workloads.map((workload) => workload.name)]);
    if (shape !== this.shape) {
      this.shape = shape;
      if (this.workload !== null && this.workload >= scenario.workloads.length) this.workload = null;
      this.#build();
    }
    this.shownLimits = "";
    this.inForce = inForce;
    for (const update of this.updates) update(inForce);
  }

  /** Limits change while the show goes on, too. @param {Map<string, number>} inForce */
  limits(inForce) {
    const now = JSON.stringify([...inForce]);
    if (now === this.shownLimits) return;
    this.shownLimits = now;
    this.inForce = inForce;
    for (const update of this.updates.slice(0, this.scenario.pools.length)) update(inForce);
  }

  #build() {
    const focused = document.activeElement?.id;
    this.updates = [];
    this.dragged.clear();
    const { pools, workloads } = this.scenario;
    const parts = pools.map((pool, index) =>
      this.#slider(`limit-${index}`, pools.length > 1 ? `Limit of ${harmless(pool.prefix)}` : "Limit", limits, number, (inForce) => inForce.get(this.scenario.pools[index].prefix) ?? this.scenario.pools[index].limit, (value) => this.hooks.limit(this.scenario.pools[index].prefix, value)),
    );
    parts.push(this.#mode());
    if (workloads.length > 1) parts.push(this.#workloadPicker());
    for (const control of [...ofWorkloads, ...ofWorld]) parts.push(this.#control(control));
    parts.push(
      this.#slider("workloads", "Workloads", [1, 2, 3, 4, 5, 6, 7, 8], String, () => this.scenario.workloads.length, (value) => this.#change((scenario) => this.shelf.setWorkloads(scenario, value))),
      this.#slider("pools", "Pools", [1, 2, 3, 4, 5, 6], String, () => this.scenario.pools.length, (value) => this.#change((scenario) => this.shelf.setPools(scenario, value))),
      this.#seed(),
    );
    this.form.replaceChildren(...parts);
    if (focused) document.getElementById(focused)?.focus();
  }

  /** @param {(scenario: any) => void} edit */
  #change(edit) {
    const scenario = structuredClone(this.scenario);
    edit(scenario);
    this.hooks.changed(scenario);
  }

  /** @param {Control} control */
  #control({ id, name, values, say, of }) {
    const current = () => {
      const [[part, key]] = of(this.scenario, this.workload);
      return part[key];
    };
    const differ = () => new Set(of(this.scenario, this.workload).map(([part, key]) => part[key])).size > 1;
    const set = (value) =>
      this.#change((scenario) => {
        for (const [part, key] of of(scenario, this.workload)) part[key] = value;
      });
    return this.#slider(id, name, values, (value) => (differ() ? "not all alike" : say(value)), current, set);
  }

  #slider(id, name, values, say, current, set) {
    const box = document.createElement("div");
    box.className = "control";
    const label = document.createElement("label");
    label.htmlFor = `c-${id}`;
    label.textContent = name;
    const output = document.createElement("output");
    output.htmlFor = `c-${id}`;
    // The slider says its value itself.
    output.setAttribute("aria-live", "off");
    const input = document.createElement("input");
    input.type = "range";
    input.id = `c-${id}`;
    let steps = values;
    const show = (value) => {
      output.textContent = say(value);
      input.setAttribute("aria-valuetext", say(value));
    };
    // While it is dragged it only says what it would be; where it is let go counts, once.
    onDrag(input, {
      moved: () => {
        this.dragged.add(input);
        show(steps[Number(input.value)]);
      },
      chosen: () => {
        this.dragged.delete(input);
        set(steps[Number(input.value)]);
      },
      ended: () => {
        this.dragged.delete(input);
        update(this.inForce);
      },
    });
    const update = (inForce) => {
      if (this.dragged.has(input)) return;
      const value = current(inForce);
      // A link may carry a value between two steps: it gets a step of its own.
      steps = values.includes(value) ? values : [...values, value].sort((one, other) => one - other);
      input.min = "0";
      input.max = String(steps.length - 1);
      input.step = "1";
      input.value = String(steps.indexOf(value));
      show(value);
    };
    this.updates.push(update);
    box.append(label, output, input);
    return box;
  }

  #mode() {
    const box = document.createElement("fieldset");
    box.className = "control";
    const legend = document.createElement("legend");
    legend.textContent = "At Leasehold, a job that finds no free slot";
    const choice = document.createElement("div");
    choice.className = "choice";
    for (const [value, text] of [["queue", "waits in a queue"], ["poll", "asks again"]]) {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "radio";
      input.name = "mode";
      input.value = value;
      input.id = `c-mode-${value}`;
      input.addEventListener("change", () => this.#change((scenario) => (scenario.mode = value)));
      this.updates.push(() => (input.checked = this.scenario.mode === value));
      const span = document.createElement("span");
      span.textContent = text;
      label.append(input, span);
      choice.append(label);
    }
    box.append(legend, choice);
    return box;
  }

  #workloadPicker() {
    const box = document.createElement("div");
    box.className = "control";
    const label = document.createElement("label");
    label.htmlFor = "c-workload";
    label.textContent = "Change the jobs of";
    const select = document.createElement("select");
    select.id = "c-workload";
    const names = ["all workloads", ...this.scenario.workloads.map((workload) => shorten(workload.name, 40))];
    names.forEach((name, index) => select.append(new Option(name, String(index))));
    select.value = String(this.workload === null ? 0 : this.workload + 1);
    select.addEventListener("change", () => {
      this.workload = select.value === "0" ? null : Number(select.value) - 1;
      // The limits stand first and do not change with it.
      for (const update of this.updates.slice(this.scenario.pools.length)) update(this.inForce);
    });
    box.append(label, select);
    return box;
  }

  #seed() {
    const box = document.createElement("div");
    box.className = "control seed";
    const label = document.createElement("label");
    label.htmlFor = "c-seed";
    label.textContent = "Random seed";
    const input = document.createElement("input");
    input.type = "number";
    input.id = "c-seed";
    input.min = "0";
    input.max = "4294967295";
    input.addEventListener("change", () => {
      const seed = input.value === "" ? Number.NaN : Number(input.value);
      if (Number.isInteger(seed) && seed >= 0 && seed <= 4294967295) this.#change((scenario) => (scenario.seed = seed));
      else input.value = String(this.scenario.seed);
    });
    this.updates.push(() => (input.value = String(this.scenario.seed)));
    box.append(label, input);
    return box;
  }
}

/** Pools and workloads that a slider took out of the scenario. It puts back the same ones, before it makes new ones. */
export class Shelf {
  constructor() {
    /** @type {{pool: any, workloads: {at: number, workload: any}[], moved: string[], actions: any[]}[]} the one taken out last stands last */
    this.pools = [];
    /** @type {any[]} */
    this.workloads = [];
  }

  /** @param {any} scenario @param {number} count */
  setWorkloads(scenario, count) {
    const { workloads, pools } = scenario;
    while (workloads.length > count) this.workloads.push(workloads.pop());
    const names = pools.map((pool) => pool.prefix);
    while (workloads.length < count) {
      const back = this.workloads.findLastIndex((one) => names.includes(one.pool));
      if (back >= 0) workloads.push(...this.workloads.splice(back, 1));
      else workloads.push(this.#copyOf(scenario, names[workloads.length % names.length]));
    }
  }

  /** A pool goes and comes with its own workloads, and with what was done to it. @param {any} scenario @param {number} count */
  setPools(scenario, count) {
    const { pools } = scenario;
    while (pools.length > count) {
      const pool = pools.pop();
      const its = (one) => one.pool === pool.prefix;
      const taken = { pool, workloads: [], moved: [], actions: scenario.actions.filter(its) };
      // Somebody has to come: if all jobs are of this pool, they go to another.
      if (scenario.workloads.every(its)) {
        taken.moved = scenario.workloads.map((one) => one.name);
        for (const one of scenario.workloads) one.pool = pools[0].prefix;
      } else {
        taken.workloads = scenario.workloads.map((workload, at) => ({ at, workload })).filter(({ workload }) => its(workload));
        scenario.workloads = scenario.workloads.filter((one) => !its(one));
      }
      scenario.actions = scenario.actions.filter((action) => !its(action));
      this.pools.push(taken);
    }
    while (pools.length < count) {
      const taken = this.pools.pop();
      if (taken === undefined) {
        const prefix = freeName(pools.map((one) => one.prefix), "pool");
        pools.push({ ...pools[0], prefix });
        if (scenario.workloads.length < mostWorkloads) scenario.workloads.push(this.#copyOf(scenario, prefix));
        continue;
      }
      pools.push(taken.pool);
      for (const { at, workload } of taken.workloads) if (scenario.workloads.length < mostWorkloads) scenario.workloads.splice(at, 0, workload);
      for (const one of scenario.workloads) if (taken.moved.includes(one.name)) one.pool = taken.pool.prefix;
      scenario.actions = [...scenario.actions, ...taken.actions].sort((one, other) => one.at_ms - other.at_ms);
    }
  }

  /** One more workload, like one of those that are there, for this pool. Its name is none of a workload that may come back. */
  #copyOf({ workloads }, pool) {
    const all = [...workloads, ...this.workloads, ...this.pools.flatMap((taken) => taken.workloads.map(({ workload }) => workload))];
    return { ...workloads[0], name: freeName(all.map((one) => one.name), "workload", workloads.length + 1), pool };
  }
}

const mostWorkloads = 8;

function freeName(taken, stem, from = taken.length + 1) {
  for (let index = from; ; index += 1) if (!taken.includes(`${stem}-${index}`)) return `${stem}-${index}`;
}
