// What can a visitor change, and what does it change in the scenario? One table of controls, and the form made of it.

import { number, percent, span } from "./words.js";

const times = [1, 2, 5, 8, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000];
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
  { id: "burst", name: "Jobs at once", values: amounts, say: (value) => off(value, number(value)), of: perWorkload("burst") },
  { id: "rate", name: "Then, a minute", values: rates, say: (value) => off(value, number(value)), of: perWorkload("per_minute") },
  { id: "length", name: "A job takes", values: lengths, say: span, of: perWorkload("job_ms") },
];

/** @type {Control[]} */
const ofWorld = [
  { id: "delay", name: "One way to the table", values: times, say: span, of: field("network", "delay_ms") },
  { id: "lost", name: "Messages lost", values: shares, say: (value) => off(value, percent(value / 100)), of: field("failures", "request_lost", "reply_lost") },
  { id: "dies", name: "Workers and calls that die", values: shares, say: (value) => off(value, percent(value / 100)), of: field("failures", "worker_dies", "call_dies") },
  { id: "throttled", name: "Table too busy", values: shares, say: (value) => off(value, percent(value / 100)), of: field("failures", "throttled") },
  { id: "skew", name: "Clocks differ by up to", values: [0, 50, 100, 200, 500, 800, 1000, 1500, 2000, 5000, 10_000], say: (value) => off(value, span(value)), of: field("clocks", "skew_ms") },
  { id: "lease", name: "A lease lasts", values: [1000, 2000, 3000, 5000, 8000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000], say: span, of: field("leases", "lease_ms") },
  { id: "again", name: "Refused: ask again after", values: [100, 200, 500, 1000, 2000, 3000, 5000, 10_000, 30_000], say: span, of: field("poll", "every_ms") },
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
    form.addEventListener("submit", (event) => event.preventDefault());
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
    for (const update of this.updates) update(inForce);
  }

  /** Limits change while the show goes on, too. @param {Map<string, number>} inForce */
  limits(inForce) {
    const now = JSON.stringify([...inForce]);
    if (now === this.shownLimits) return;
    this.shownLimits = now;
    for (const update of this.updates.slice(0, this.scenario.pools.length)) update(inForce);
  }

  #build() {
    const focused = document.activeElement?.id;
    this.updates = [];
    const { pools, workloads } = this.scenario;
    const parts = pools.map((pool, index) =>
      this.#slider(`limit-${index}`, pools.length > 1 ? `Limit of ${pool.prefix}` : "Limit", limits, String, (inForce) => inForce.get(this.scenario.pools[index].prefix) ?? this.scenario.pools[index].limit, (value) => this.hooks.limit(this.scenario.pools[index].prefix, value)),
    );
    parts.push(this.#mode());
    if (workloads.length > 1) parts.push(this.#workloadPicker());
    for (const control of [...ofWorkloads, ...ofWorld]) parts.push(this.#control(control));
    parts.push(
      this.#slider("workloads", "Workloads", [1, 2, 3, 4, 5, 6, 7, 8], String, () => this.scenario.workloads.length, (value) => this.#change((scenario) => setWorkloads(scenario, value))),
      this.#slider("pools", "Pools (prefixes)", [1, 2, 3, 4, 5, 6], String, () => this.scenario.pools.length, (value) => this.#change((scenario) => setPools(scenario, value))),
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
    return this.#slider(id, name, values, (value) => (differ() ? "they differ" : say(value)), current, set);
  }

  #slider(id, name, values, say, current, set) {
    const box = document.createElement("div");
    box.className = "control";
    const label = document.createElement("label");
    label.htmlFor = `c-${id}`;
    label.textContent = name;
    const output = document.createElement("output");
    output.htmlFor = `c-${id}`;
    const input = document.createElement("input");
    input.type = "range";
    input.id = `c-${id}`;
    let steps = values;
    const show = (value) => {
      output.textContent = say(value);
      input.setAttribute("aria-valuetext", say(value));
    };
    input.addEventListener("input", () => set(steps[Number(input.value)]));
    this.updates.push((inForce) => {
      const value = current(inForce);
      // A link may carry a value between two steps: it gets a step of its own.
      steps = values.includes(value) ? values : [...values, value].sort((one, other) => one - other);
      input.min = "0";
      input.max = String(steps.length - 1);
      input.step = "1";
      input.value = String(steps.indexOf(value));
      show(value);
    });
    box.append(label, output, input);
    return box;
  }

  #mode() {
    const box = document.createElement("fieldset");
    box.className = "control";
    const legend = document.createElement("legend");
    legend.textContent = "Whoever finds it full, at leasehold";
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
    label.textContent = "Jobs of";
    const select = document.createElement("select");
    select.id = "c-workload";
    const names = ["all workloads", ...this.scenario.workloads.map((workload) => workload.name)];
    names.forEach((name, index) => select.append(new Option(name, String(index))));
    select.value = String(this.workload === null ? 0 : this.workload + 1);
    select.addEventListener("change", () => {
      this.workload = select.value === "0" ? null : Number(select.value) - 1;
      // The limits stand first and do not change with it.
      for (const update of this.updates.slice(this.scenario.pools.length)) update(new Map());
    });
    box.append(label, select);
    return box;
  }

  #seed() {
    const box = document.createElement("div");
    box.className = "control seed";
    const label = document.createElement("label");
    label.htmlFor = "c-seed";
    label.textContent = "Seed";
    const input = document.createElement("input");
    input.type = "number";
    input.id = "c-seed";
    input.min = "0";
    input.max = "4294967295";
    input.addEventListener("change", () => {
      const seed = Number(input.value);
      if (Number.isInteger(seed) && seed >= 0 && seed <= 4294967295) this.#change((scenario) => (scenario.seed = seed));
      else input.value = String(this.scenario.seed);
    });
    this.updates.push(() => (input.value = String(this.scenario.seed)));
    box.append(label, input);
    return box;
  }
}

/** @param {any} scenario @param {number} count */
export function setWorkloads(scenario, count) {
  const first = scenario.workloads.length;
  scenario.workloads.length = Math.min(first, count);
  for (let index = first; index < count; index += 1) {
    const model = scenario.workloads[index % first];
    const pool = scenario.pools[index % scenario.pools.length].prefix;
    scenario.workloads.push({ ...model, name: freeName(scenario.workloads.map((one) => one.name), "workload"), pool });
  }
}

/** @param {any} scenario @param {number} count */
export function setPools(scenario, count) {
  const first = scenario.pools.length;
  scenario.pools.length = Math.min(first, count);
  for (let index = first; index < count; index += 1) {
    scenario.pools.push({ ...scenario.pools[index % first], prefix: freeName(scenario.pools.map((one) => one.prefix), "pool") });
  }
  // Every pool is used, and no workload is left without one.
  if (scenario.workloads.length < count) setWorkloads(scenario, count);
  const names = scenario.pools.map((pool) => pool.prefix);
  scenario.workloads.forEach((workload, index) => {
    if (!names.includes(workload.pool)) workload.pool = names[index % names.length];
  });
  scenario.actions = scenario.actions.filter((action) => action.pool === undefined || names.includes(action.pool));
}

function freeName(taken, stem) {
  for (let index = taken.length + 1; ; index += 1) if (!taken.includes(`${stem}-${index}`)) return `${stem}-${index}`;
}
