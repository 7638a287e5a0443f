// What did each request ask of the table, under which conditions, and what was there? The list and the one chosen.

import { kind } from "./rows.js";
import { capital, harmless, moment, sides, span } from "./words.js";

const doors = ["Count", "Leasehold"];

/** How many requests are listed, of all jobs. */
const mostListed = 60;

const signs = {
  done: ["\u00b7", "done"],
  refused: ["\u00d7", "refused"],
  lost: ["?", "lost"],
  under_way: ["\u2026", "on its way"],
};

/** @param {any} brief */
function fate(brief) {
  if (brief.reply === "no reply" || brief.lost) return "lost";
  if (brief.reply === null || brief.reply === undefined) return "under_way";
  if (/refused|throttled|closed|conflict|full/.test(brief.reply)) return "refused";
  return "done";
}

export class Requests {
  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} detail
   * @param {{whose: HTMLElement, all: HTMLButtonElement}} only says whose requests are listed, and goes back to everybody's
   * @param {{world: () => any, kept: () => number, pools: () => string[], chosen: (job: number) => void}} hooks
   */
  constructor(list, detail, only, hooks) {
    this.list = list;
    this.detail = detail;
    this.only = only;
    this.everybody = only.whose.textContent;
    only.all.addEventListener("click", () => {
      this.#list(null);
      this.list.focus();
    });
    detail.addEventListener("click", (event) => {
      const job = event.target.closest("[data-job]")?.dataset.job;
      if (job !== undefined) this.#list(Number(job));
    });
    this.hooks = hooks;
    /** @type {any[]} */
    this.briefs = [];
    this.id = null;
    this.job = null;
    /** How many of the listed job's requests are not kept any more, in words. */
    this.older = "";
    list.addEventListener("click", (event) => {
      const item = event.target.closest("[data-id]");
      if (!item) return;
      this.choose(Number(item.dataset.id));
      this.detail.firstElementChild.scrollIntoView({ block: "nearest" });
    });
    list.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.job !== null) this.#list(null);
      const at = this.briefs.findIndex((brief) => brief.id === this.id);
      const to = { ArrowDown: at + 1, ArrowUp: Math.max(0, at - 1), Home: 0, End: this.briefs.length - 1, PageDown: at + 10, PageUp: Math.max(0, at - 10) }[event.key];
      if (to === undefined || this.briefs.length === 0) return;
      event.preventDefault();
      this.choose(this.briefs[Math.min(to, this.briefs.length - 1)].id);
      this.list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
    });
  }

  /** A list that moves under the pointer or the focus can not be used. */
  get busy() {
    return this.list.matches(":hover, :focus-within, :focus");
  }

  /** Lists one job's requests, or everybody's. @param {number|null} job */
  #list(job) {
    this.#choosesOf(job);
    this.refresh();
  }

  /** Whose requests are listed from the next reading on. @param {number|null} job */
  #choosesOf(job) {
    this.job = job;
    this.older = "";
    this.only.all.hidden = job === null;
    this.#sayWhose("");
  }

  /**
   * What a link says is chosen.
   * @param {{job?: number|null, request?: number|null}} chosen
   * @returns {string[]} what of it there is not, in words
   */
  restore({ job = null, request = null }) {
    const world = this.hooks.world();
    const without = [];
    const there = (find, called) => {
      try {
        find();
        return true;
      } catch (error) {
        without.push(`${called}: ${error.message ?? error}`);
        return false;
      }
    };
    if (job !== null && there(() => world.job(job), "its job")) {
      this.#list(job);
      this.hooks.chosen(job);
    }
    if (request !== null && there(() => world.request(request), "its request")) this.choose(request);
    return without;
  }

  /** The show is at an earlier moment now: what was asked later is not yet asked. @param {number} now ms */
  rewound(now) {
    if (this.askedAt > now) this.clear();
  }

  clear() {
    this.id = null;
    this.askedAt = 0;
    // Read again when it is next on screen: this comes with every move of a control.
    this.#choosesOf(null);
    this.detail.replaceChildren(note("No request chosen yet."));
  }

  /** Reads the newest ones again. */
  refresh() {
    const world = this.hooks.world();
    if (world === null) return;
    // Of each side as many as are listed of both: so none is left out between two that are. Of one job, all that are kept.
    const most = this.job === null ? mostListed : 2 * this.hooks.kept();
    const briefs = [0, 1].flatMap((door) => world.recent(door, most));
    this.briefs = briefs
      .filter((brief) => this.job === null || brief.job === this.job)
      .sort((one, other) => other.asked_ms - one.asked_ms || other.id - one.id)
      .slice(0, most);
    this.older = this.job === null ? "" : this.#older(world);
    this.#sayWhose(this.older);
    this.#drawList();
  }

  #sayWhose(older) {
    const text = this.job === null ? this.everybody : `The requests of job ${this.job} alone, newest first.${older}`;
    if (this.only.whose.textContent !== text) this.only.whose.textContent = text;
  }

  // Of a job that asked long ago not every request is still kept.
  #older(world) {
    let asked = 0;
    try {
      const { doors } = world.job(this.job);
      asked = doors.reduce((all, door) => all + (door.requests ?? 0), 0);
    } catch {
      // It has not come yet, at this moment.
    }
    if (this.briefs.length >= asked) return "";
    const at = new Set(this.briefs.map((brief) => brief.door));
    const whose = at.size === 1 ? `, of ${sides[this.briefs[0].door]}` : "";
    return ` ${this.briefs.length === 0 ? "None" : this.briefs.length} of ${asked} ${this.briefs.length < 2 ? "is" : "are"} still kept${whose}.`;
  }

  #drawList() {
    const items = this.list.children;
    const pools = this.hooks.pools();
    while (items.length > this.briefs.length) items[items.length - 1].remove();
    this.briefs.forEach((brief, index) => {
      const item = items[index] ?? this.list.appendChild(emptyItem());
      const how = fate(brief);
      const [sign, spoken] = signs[how];
      item.className = `request ${how}`;
      item.dataset.id = String(brief.id);
      item.id = `request-${index}`;
      item.removeAttribute("aria-disabled");
      const chosen = brief.id === this.id;
      item.setAttribute("aria-selected", String(chosen));
      if (chosen) this.list.setAttribute("aria-activedescendant", item.id);
      const [time, mark, what] = item.children;
      time.textContent = moment(brief.asked_ms);
      mark.textContent = sign;
      mark.title = spoken;
      what.textContent = `${doors[brief.door]} \u00b7 ${who(brief)}${ofPool(brief, pools)} ${does(brief)}${brief.reply ? `: ${brief.reply}` : ""}${lostOnItsWay(brief)}`;
    });
    if (this.briefs.length === 0) {
      const empty = emptyItem();
      empty.className = "request none";
      empty.children[2].textContent = this.older === "" ? "No request yet." : "None of its requests is kept.";
      empty.setAttribute("aria-disabled", "true");
      this.list.replaceChildren(empty);
    }
  }

  /** @param {number} id */
  choose(id) {
    const world = this.hooks.world();
    if (world === null) return;
    this.id = id;
    this.hooks.chosenRequest?.();
    try {
      const detail = world.request(id);
      this.detail.replaceChildren(...describe(detail));
      this.detail.scrollTop = 0;
      this.askedAt = detail.asked_ms;
      if (hasJob(detail)) this.hooks.chosen(detail.job);
    } catch (error) {
      this.detail.replaceChildren(note(String(error.message ?? error)));
    }
    this.#drawList();
  }

  /** All about one job. @param {number} job @param {number} door */
  chooseJob(job, door) {
    const world = this.hooks.world();
    this.hooks.chosen(job);
    this.#list(job);
    try {
      const about = world.job(job);
      const here = about.doors[door];
      const newest = here.recent[0] ?? about.doors[1 - door].recent[0];
      // Those of the other side would look like the answer.
      if (here.recent.length === 0 && here.requests > 0) this.detail.replaceChildren(note(`The requests of job ${job} at ${sides[door]} are no longer kept: each side keeps its newest ${this.hooks.kept()}.`));
      else if (newest === undefined) this.detail.replaceChildren(note(`Job ${job} has not asked the table for anything yet.`));
      else this.choose(newest);
      this.detail.firstElementChild.scrollIntoView({ block: "nearest" });
    } catch (error) {
      this.detail.replaceChildren(note(String(error.message ?? error)));
    }
  }
}

function emptyItem() {
  const item = document.createElement("li");
  item.setAttribute("role", "option");
  item.append(document.createElement("time"), element("span", "sign"), element("span", "what"));
  return item;
}

/** Who asks where it is no job. @type {Record<string, string>} */
const nobodys = { ended: "the report of an end", "execution ended": "the report of an end", limit: "the operator", "limit change": "the operator" };

function hasJob(brief) {
  return brief.job !== null && brief.job !== undefined && brief.job >= 0;
}

export function who(brief) {
  return hasJob(brief) ? `job ${brief.job}` : (nobodys[brief.operation] ?? "the sweep");
}

/** Of which pool, where there are several and no job says it. */
function ofPool(brief, pools) {
  return hasJob(brief) || pools.length < 2 ? "" : ` of ${pools[brief.pool]}`;
}

/** What it does, in words; whoever is told of its own lease is told by its own call. */
export function does(brief) {
  return brief.what.replace(new RegExp(`\\bjob ${brief.job}\\b`), "its own task");
}

function describe(detail) {
  const parts = [];
  const title = document.createElement("h3");
  title.textContent = capital(`${who(detail)} ${does(detail)}`);
  parts.push(title);
  const lines = [sentence(harmless(detail.machine)), detail.step ? `It ${detail.step}.` : ""].filter(Boolean);
  for (const line of lines) parts.push(element("p", "small soft", line));
  const times = [
    ["asked", detail.asked_ms],
    ["served", detail.served_ms],
    ["answered", detail.replied_ms],
  ].filter(([, at]) => at !== null && at !== undefined);
  parts.push(element("p", "small", times.map(([name, at]) => `${name} at ${moment(at)}`).join(", ") + (detail.replied_ms ? ` (${span(detail.replied_ms - detail.asked_ms)})` : "")));
  parts.push(element("p", "answer", answerOf(detail)));
  if (detail.clock_ahead_ms) parts.push(element("p", "small soft", `The caller\u2019s clock is ${span(Math.abs(detail.clock_ahead_ms))} ${detail.clock_ahead_ms > 0 ? "ahead" : "behind"}.`));
  if (detail.notice) parts.push(element("p", "small", `The message: \u201c${sentence(harmless(detail.notice))}\u201d`));
  if (detail.execution) parts.push(element("p", "small", `The execution: ${harmless(detail.execution)}.`));
  if (detail.kind === kind.transaction) parts.push(element("p", "small soft", "All of these writes are made, or none of them."));
  if (hasJob(detail)) {
    const only = element("button", "", `Only the requests of job ${detail.job}`);
    only.type = "button";
    only.dataset.job = String(detail.job);
    parts.push(only);
  }
  for (const write of detail.writes ?? []) parts.push(...describeWrite(write, detail.kind === kind.transaction));
  if (detail.read) {
    const { what, rows, more } = detail.read;
    parts.push(element("h4", "", `Read ${what}`));
    if (rows.length === 0 && detail.served_ms !== null) parts.push(element("p", "small soft", "Nothing is there."));
    for (const row of rows) parts.push(rowTable(row.row, row.is, null));
    if (more) parts.push(element("p", "small soft", "There are more."));
  }
  return parts;
}

// What the table did and what the caller learned of it are not the same where a reply got lost.
function answerOf({ kind: asked, table, caller, lost }) {
  if (asked === kind.notice || asked === kind.alive) {
    if (!caller && lost) return lost === "reply" ? "The answer of Step Functions got lost." : "It got lost on its way to Step Functions.";
    if (!caller) return "Step Functions has not answered yet.";
    return caller === "no reply" ? "No answer came from Step Functions." : `Step Functions answered: ${caller}.`;
  }
  if (!table) return lost ? "It got lost on its way to the table." : "The table has not answered yet.";
  if (!caller) return `The table\u2019s answer, ${lost ? "which got lost" : "still on its way"}: ${table}.`;
  if (caller === table) return `The answer: ${table}.`;
  return `The table\u2019s answer: ${table}. The caller learned: ${caller}.`;
}

/** That a message of a request got lost, until its caller gives it up. */
function lostOnItsWay({ lost, reply }) {
  if (!lost || reply === "no reply") return "";
  return lost === "reply" && reply ? ", and the reply got lost" : ": lost on its way";
}

function describeWrite(write, amongOthers) {
  const verbs = { put: "Puts", delete: "Deletes", update: "Updates", check: "Checks" };
  const parts = [element("h4", "", "")];
  parts[0].append(`${verbs[write.change] ?? write.change} `, element("code", "", write.row));
  if (write.conditions.length > 0) {
    const list = element("ul", "conditions");
    for (const condition of write.conditions) {
      const item = element("li", `condition${condition.held === false ? " failed" : ""}`);
      const sign = condition.held === true ? "\u2022" : condition.held === false ? "\u00d7" : "?";
      const state = condition.held === true ? "true" : condition.held === false ? "not true" : "not tried";
      const mark = element("span", "sign", sign);
      mark.setAttribute("aria-hidden", "true");
      const text = element("span");
      text.append("Only if ", element("code", "", condition.says), ` (${state}). `, element("span", "soft", sentence(condition.means ?? "")));
      item.append(mark, text);
      list.append(item);
    }
    parts.push(list);
  } else {
    parts.push(element("p", "small", amongOthers ? "Without a condition of its own." : "Without any condition: nothing can refuse it."));
  }
  if (write.refused) parts.push(element("p", "small soft", write.before ? "Nothing is written. The row as it was:" : "Nothing is written. There is no such row."));
  parts.push(rowTable(null, write.to ?? [], write.before ?? null));
  return parts;
}

function rowTable(name, pairs, before) {
  const table = element("table", "rows");
  if (name !== null) {
    const caption = element("caption", "unseen", name);
    table.append(caption);
  }
  const old = before === null ? null : new Map(before.map(([key, value]) => [key, harmless(value)]));
  const body = document.createElement("tbody");
  const heads = name === null ? [] : [[name, null]];
  for (const [key] of heads) {
    const row = body.insertRow();
    const cell = element("th", "mono", key);
    cell.colSpan = 2;
    row.append(cell);
  }
  const now = new Map(pairs.map(([key, value]) => [key, harmless(value)]));
  for (const key of new Set([...now.keys(), ...(old?.keys() ?? [])])) {
    const row = body.insertRow();
    const head = element("th", "soft", key);
    head.scope = "row";
    const cell = element("td", "mono");
    if (old !== null && old.has(key) && old.get(key) !== now.get(key)) cell.append(element("del", "", old.get(key)), " ");
    if (now.has(key)) cell.append(old !== null && old.get(key) === now.get(key) ? now.get(key) : element(old === null && name !== null ? "span" : "ins", "", now.get(key)));
    row.append(head, cell);
  }
  table.append(body);
  return table;
}

/** @param {string} text */
function sentence(text) {
  return text === "" ? "" : `${capital(text)}.`;
}

function note(text) {
  return element("p", "soft", text);
}

function element(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name !== "") made.className = name;
  if (text !== "") made.textContent = text;
  return made;
}
