// What does one pool look like at one door? Left of the table who asks and waits, right of it who is in, requests between.
//
// Draws on a canvas and knows nothing of time passing but what it is told: the same rows give the same picture.

import { fit } from "./canvas.js";
import { colours } from "./colours.js";
import * as rows from "./rows.js";
import { number } from "./words.js";

/**
 * @typedef {object} View
 * @property {number} now ms
 * @property {number} limit
 * @property {number} ceiling as many as may rightly hold
 * @property {number} overflow how many cells beyond the limit to leave room for, the same at both doors
 * @property {boolean} places slots that lie in the table, not only places one imagines
 * @property {boolean} over more hold than may
 * @property {number} [excess] how many more
 * @property {number} open only the slots below this one may be had, for now: of the others nobody holds, nobody gets any
 * @property {Float64Array} jobs
 * @property {Float64Array} requests
 * @property {boolean} counts the number that a caller counted is written beside it while it flies
 * @property {Float64Array} taken slots in which no job runs, and that nobody may have yet
 * @property {number} pool
 * @property {number} chosen a job to point out, or -1
 * @property {number} dt real ms since the last frame; 0: everything is put in its place at once
 */

const gutter = 10;
/** Below those who wait and ask, where the place is high enough: the name of the table. */
const foot = 14;
const label = 15;
const fonts = { plain: "500 10px Recursive, sans-serif", strong: "600 10px Recursive, sans-serif", number: "650 11px Recursive, sans-serif" };

export class Stage {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.width = 0;
    this.height = 0;
    /** Where and as what each job is drawn. @type {Map<number, {job: number, x: number, y: number, seen: number, phase: number, cell: number, size: number, since: number, until: number}>} */
    this.spots = new Map();
    /** Who stands where while asking; a place is kept until its job goes on. @type {number[]} */
    this.lanes = [];
    /** @type {Map<number, number>} */
    this.laneOf = new Map();
    /** Who is in which place where there are no slots; -1: nobody. @type {number[]} */
    this.seats = [];
    /** @type {Map<number, number>} */
    this.seatOf = new Map();
    /** @type {{x: number, y: number, age: number}[]} */
    this.leaving = [];
    this.frame = 0;
    this.placesShape = "";
    this.places = new Path2D();
    this.closed = new Path2D();
    this.limitWide = 0;
  }

  /** Fits the drawing to the place that the layout gives it. */
  fit() {
    ({ width: this.width, height: this.height } = fit(this.canvas, this.context));
  }

  /** Forgets who was where: the next picture does not move there from this one. */
  forget() {
    this.spots.clear();
    this.laneOf.clear();
    this.lanes.length = 0;
    this.seatOf.clear();
    this.seats.length = 0;
    this.leaving.length = 0;
  }

  /** The job drawn nearest to a point, or -1. @param {number} x @param {number} y */
  jobAt(x, y) {
    let nearest = -1;
    let least = 18 ** 2;
    for (const [job, spot] of this.spots) {
      const apart = (spot.x - x) ** 2 + (spot.y - y) ** 2;
      if (apart < least) [nearest, least] = [job, apart];
    }
    return nearest;
  }

  /** @param {View} view */
  draw(view) {
    if (this.width === 0) this.fit();
    if (this.width === 0) return;
    this.frame += 1;
    const ctx = this.context;
    ctx.clearRect(0, 0, this.width, this.height);
    const wall = Math.round(this.width * 0.44) + 0.5;
    const grid = this.#grid(view, wall);
    this.#drawWall(wall);
    this.#drawPlaces(view, grid);
    this.#place(view, wall, grid);
    this.#drawLeaving(view, grid);
    this.#drawRequests(view, wall);
    this.#drawJobs(view);
  }

  // The cells below the limit, a rule, and the cells above it: as large as fits, and as large at both doors.
  #grid(view, wall) {
    const left = wall + gutter + 2;
    const width = this.width - left - gutter;
    const height = this.height - 2 * gutter;
    const most = this.width < 260 ? 22 : 36;
    let size = most;
    let columns = 1;
    for (; size > 3; size -= size > 12 ? 1 : 0.5) {
      columns = Math.max(1, Math.floor(width / size));
      const below = Math.ceil(view.limit / columns);
      const above = Math.max(1, Math.ceil(view.overflow / columns));
      if ((below + above) * size + label <= height) break;
    }
    const rule = gutter + Math.ceil(view.limit / columns) * size;
    const at = (cell) => {
      const above = cell >= view.limit;
      const place = above ? cell - view.limit : cell;
      return { x: left + (place % columns) * size, y: (above ? rule + label : gutter) + Math.floor(place / columns) * size };
    };
    return { left, width, size, columns, rule, at };
  }

  get #foot() {
    return this.height > 110 ? foot : 0;
  }

  #drawWall(wall) {
    const ctx = this.context;
    ctx.fillStyle = colours["line-strong"];
    ctx.fillRect(wall - 1.5, 0, 1, this.height);
    ctx.fillRect(wall + 1.5, 0, 1, this.height);
    if (this.#foot > 0) {
      ctx.font = fonts.plain;
      ctx.fillStyle = colours["ink-soft"];
      ctx.textAlign = "right";
      ctx.textBaseline = "bottom";
      ctx.fillText("the table", wall - 6, this.height - 5);
    }
  }

  #drawPlaces(view, grid) {
    const ctx = this.context;
    const shape = `${grid.size} ${grid.columns} ${grid.left} ${view.limit} ${view.places} ${view.open}`;
    if (shape !== this.placesShape) {
      this.placesShape = shape;
      this.places = placesOf(view, grid, this.height, 0, view.open);
      this.closed = placesOf(view, grid, this.height, view.open, view.limit);
      ctx.font = fonts.strong;
      this.limitWide = ctx.measureText(`limit ${number(view.limit)}`).width;
    }
    ctx.lineWidth = 1;
    if (!view.places) {
      ctx.fillStyle = colours["line-strong"];
      ctx.fill(this.places);
    } else if (grid.size > 7) {
      ctx.strokeStyle = colours["hold-line"];
      ctx.stroke(this.places);
      ctx.strokeStyle = colours.wait;
      ctx.setLineDash([2, 3]);
      ctx.stroke(this.closed);
      ctx.setLineDash([]);
    } else {
      ctx.fillStyle = colours["hold-soft"];
      ctx.fill(this.places);
      ctx.fillStyle = colours.line;
      ctx.fill(this.closed);
    }
    const taken = this.#drawTaken(view, grid);
    if (view.places && grid.size >= 22) {
      ctx.font = fonts.plain;
      ctx.fillStyle = colours["ink-soft"];
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      for (let cell = 0; cell < Math.min(view.open, view.limit, inSight(grid, this.height)); cell += 1) {
        if (taken.has(cell)) continue;
        const { x, y } = grid.at(cell);
        ctx.fillText(String(cell), x + grid.size / 2, y + grid.size / 2 + 0.5);
      }
    }
    const colour = view.over ? colours.alarm : colours["ink-soft"];
    const y = Math.round(grid.rule + label / 2) + 0.5;
    ctx.strokeStyle = colour;
    ctx.lineWidth = view.over ? 2 : 1;
    ctx.beginPath();
    ctx.setLineDash([3, 3]);
    ctx.moveTo(grid.left, y);
    ctx.lineTo(grid.left + grid.width - this.limitWide - 5, y);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.font = fonts.strong;
    ctx.fillStyle = colour;
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    ctx.fillText(`limit ${number(view.limit)}`, grid.left + grid.width, y);
  }

  // Slots that a lease lies on whose job does not run, or not yet.
  #drawTaken(view, grid) {
    const cells = new Set();
    const path = new Path2D();
    const inset = grid.size > 9 ? 3 : 1;
    for (let at = 0; at < view.taken.length; at += rows.taken.stride) {
      if (view.taken[at + rows.taken.pool] !== view.pool) continue;
      const cell = view.taken[at + rows.taken.cell];
      const { x, y } = grid.at(cell);
      cells.add(cell);
      if (cell >= view.open && cell < view.limit) this.context.clearRect(x, y, grid.size, grid.size);
      path.rect(x + inset, y + inset, grid.size - 2 * inset, grid.size - 2 * inset);
    }
    if (cells.size > 0) {
      this.context.fillStyle = colours["hold-soft"];
      this.context.fill(path);
    }
    return cells;
  }

  // Gives every job its place, and moves it there.
  #place(view, wall, grid) {
    const { jobs, pool, dt } = view;
    const outside = wall - gutter - 6;
    const areas = {
      wait: { left: gutter, width: outside * 0.38 },
      ask: { left: gutter + outside * 0.44, width: outside * 0.22 },
    };
    let waiting = 0;
    const still = new Set();
    const inside = new Set();
    for (let at = 0; at < jobs.length; at += rows.job.stride) {
      if (jobs[at + rows.job.pool] !== pool) continue;
      const phase = jobs[at + rows.job.phase];
      const cell = jobs[at + rows.job.cell];
      if (rows.isWaiting(phase)) waiting += 1;
      else if (this.#asks(phase, cell)) still.add(jobs[at + rows.job.job]);
      else inside.add(jobs[at + rows.job.job]);
    }
    if (!view.places) this.#seat(inside, view.limit);
    for (const [job, lane] of this.laneOf) {
      if (still.has(job)) continue;
      this.laneOf.delete(job);
      this.lanes[lane] = -1;
    }
    let free = 0;
    for (const job of still) {
      if (this.laneOf.has(job)) continue;
      while (free < this.lanes.length && this.lanes[free] >= 0) free += 1;
      this.lanes[free] = job;
      this.laneOf.set(job, free);
    }
    while (this.lanes.length > 0 && this.lanes.at(-1) === -1) this.lanes.pop();

    const waitPack = pack(waiting, areas.wait.width, this.height - 2 * gutter - this.#foot, 15);
    const askPack = pack(this.lanes.length, areas.ask.width, this.height - 2 * gutter - this.#foot, 17);
    // At a speed at which jobs end within a few pictures, whoever moves slowly is never where it is.
    const ease = dt === 0 ? 1 : 1 - Math.exp((-dt * view.haste) / 70);
    const enters = dt > 0 && view.haste < 2;
    let place = 0;
    for (let at = 0; at < jobs.length; at += rows.job.stride) {
      if (jobs[at + rows.job.pool] !== pool) continue;
      const job = jobs[at + rows.job.job];
      const phase = jobs[at + rows.job.phase];
      const cell = this.seatOf.get(job) ?? jobs[at + rows.job.cell];
      let x;
      let y;
      let size = 0;
      if (rows.isWaiting(phase)) {
        // The head of the queue stands nearest to the table.
        x = areas.wait.left + areas.wait.width - (Math.floor(place / waitPack.rows) + 0.5) * waitPack.gap;
        y = gutter + ((place % waitPack.rows) + 0.5) * waitPack.gap;
        size = waitPack.gap;
        place += 1;
      } else if (this.#asks(phase, cell)) {
        const lane = this.laneOf.get(job) ?? 0;
        x = areas.ask.left + areas.ask.width - (Math.floor(lane / askPack.rows) + 0.5) * askPack.gap;
        y = gutter + ((lane % askPack.rows) + 0.5) * askPack.gap;
        size = askPack.gap;
      } else {
        const corner = grid.at(cell);
        x = corner.x + grid.size / 2;
        y = corner.y + grid.size / 2;
        size = grid.size;
      }
      let spot = this.spots.get(job);
      if (spot === undefined) {
        spot = { job, x: enters ? -6 : x, y, seen: 0, phase, cell, size, since: 0, until: 0 };
        this.spots.set(job, spot);
      }
      spot.seen = this.frame;
      spot.x += (x - spot.x) * ease;
      spot.y += (y - spot.y) * ease;
      spot.phase = phase;
      spot.cell = cell;
      spot.size = size;
      spot.since = jobs[at + rows.job.since];
      spot.until = jobs[at + rows.job.until];
    }
    for (const [job, spot] of this.spots) {
      if (spot.seen === this.frame) continue;
      this.spots.delete(job);
      // Where jobs end faster than they fade, their traces would cover those who run.
      if (enters && spot.x > wall && this.leaving.length < 200) this.leaving.push({ x: spot.x, y: spot.y, age: 0 });
    }
  }

  // Where there are no slots, each gets the first place that is free, and moves below the limit once there is room.
  #seat(inside, limit) {
    const { seats, seatOf } = this;
    for (const [job, seat] of seatOf) {
      if (inside.has(job)) continue;
      seatOf.delete(job);
      seats[seat] = -1;
    }
    let free = 0;
    const sit = (job) => {
      while (free < seats.length && seats[free] >= 0) free += 1;
      seats[free] = job;
      seatOf.set(job, free);
    };
    for (const job of inside) if (!seatOf.has(job)) sit(job);
    for (let seat = limit; seat < seats.length; seat += 1) {
      const job = seats[seat];
      while (free < seats.length && seats[free] >= 0) free += 1;
      if (job < 0 || free >= limit) continue;
      seats[seat] = -1;
      sit(job);
    }
    while (seats.length > 0 && seats.at(-1) === -1) seats.pop();
  }

  #asks(phase, cell) {
    return phase === rows.phase.asking || cell < 0;
  }

  #drawLeaving(view, grid) {
    const ctx = this.context;
    ctx.fillStyle = colours["hold-line"];
    for (const gone of this.leaving) {
      gone.age += view.dt;
      gone.x += view.dt * 0.08;
      ctx.globalAlpha = Math.max(0, 1 - gone.age / 350);
      const half = Math.max(1, grid.size * 0.3);
      ctx.fillRect(gone.x - half, gone.y - half, 2 * half, 2 * half);
    }
    ctx.globalAlpha = 1;
    this.leaving = this.leaving.filter((gone) => gone.age < 350);
  }

  #drawRequests(view, wall) {
    const ctx = this.context;
    const { requests, pool, now } = view;
    const few = requests.length / rows.request.stride < 120;
    const radius = few ? 2.4 : 1.5;
    const fine = new Path2D();
    const bad = new Path2D();
    const tails = new Path2D();
    /** @type {{x: number, y: number, text: string}[]} */
    const counts = [];
    for (let at = 0; at < requests.length; at += rows.request.stride) {
      if (requests[at + rows.request.pool] !== pool) continue;
      const spot = this.spots.get(requests[at + rows.request.job]);
      const kind = requests[at + rows.request.kind];
      const leg = requests[at + rows.request.leg];
      const from = requests[at + rows.request.from];
      const to = requests[at + rows.request.to];
      const outcome = requests[at + rows.request.outcome];
      let way = to > from ? Math.min(1, Math.max(0, (now - from) / (to - from))) : 1;
      const lost = outcome === rows.outcome.lost;
      if (lost && way > 0.5) continue;
      // A sweep is nobody's: it comes from below.
      const home = spot ?? { x: wall, y: this.height - 6 };
      if (kind === rows.kind.invocation) continue;
      const outgoing = leg === 0 && kind !== rows.kind.notice;
      const start = outgoing ? home : { x: wall, y: home.y };
      const end = outgoing ? { x: wall, y: home.y } : home;
      const x = start.x + (end.x - start.x) * way;
      const y = start.y + (end.y - start.y) * way;
      const refused = outcome > 0;
      const path = refused ? bad : fine;
      dot(path, x, y, radius);
      if (few) {
        const tail = Math.sign(start.x - end.x) * Math.min(12, Math.abs(x - start.x));
        tails.moveTo(x, y);
        tails.lineTo(x + tail, y);
      }
      const operation = requests[at + rows.request.operation];
      const counted = requests[at + rows.request.cell];
      if (view.counts && counted >= 0 && (operation === rows.operation.put || operation === rows.operation.count)) {
        counts.push({ x: x + 5, y: y - 1, text: number(counted) });
      }
    }
    ctx.lineWidth = 1;
    ctx.strokeStyle = colours.ask;
    ctx.globalAlpha = 0.45;
    ctx.stroke(tails);
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours.ask;
    ctx.fill(fine);
    ctx.lineWidth = 1.5;
    ctx.strokeStyle = colours.alarm;
    ctx.stroke(bad);
    this.#drawCounts(counts);
  }

  // The number a caller was told is what it acts on: it is written beside it.
  #drawCounts(counts) {
    if (counts.length === 0) return;
    const ctx = this.context;
    ctx.font = fonts.number;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.lineWidth = 3;
    ctx.strokeStyle = colours.sheet;
    ctx.fillStyle = colours.ask;
    for (const { x, y, text } of counts) {
      ctx.strokeText(text, x, y);
      ctx.fillText(text, x, y);
    }
  }

  #drawJobs(view) {
    const ctx = this.context;
    const asking = new Path2D();
    const waiting = new Path2D();
    const waitingSmall = new Path2D();
    const worked = new Path2D();
    const toWork = new Path2D();
    const givingBack = new Path2D();
    const tooMany = new Path2D();
    const dead = new Path2D();
    const over = view.over ? (view.places ? overOnSlots : overInNone)([...this.spots.values()], view) : none;
    for (const { job, x, y, phase, cell, size, since, until } of this.spots.values()) {
      if (phase === rows.phase.dead) {
        const arm = Math.max(2, Math.min(6, size * 0.28));
        dead.moveTo(x - arm, y - arm);
        dead.lineTo(x + arm, y + arm);
        dead.moveTo(x + arm, y - arm);
        dead.lineTo(x - arm, y + arm);
        if (cell >= 0) dead.rect(x - size * 0.36, y - size * 0.36, size * 0.72, size * 0.72);
      } else if (rows.isWaiting(phase)) {
        const radius = Math.max(1, Math.min(4, size * 0.32));
        dot(radius < 2 ? waitingSmall : waiting, x, y, radius);
      } else if (this.#asks(phase, cell)) {
        const radius = Math.max(1.2, Math.min(4.5, size * 0.34));
        dot(asking, x, y, radius);
      } else if (over.has(job)) {
        const half = Math.max(1.5, size * 0.44);
        tooMany.moveTo(x, y - half);
        tooMany.lineTo(x + half, y);
        tooMany.lineTo(x, y + half);
        tooMany.lineTo(x - half, y);
        tooMany.closePath();
      } else {
        if (view.places && cell >= view.open && cell < view.limit) ctx.clearRect(x - size / 2, y - size / 2, size, size);
        const side = size > 9 ? size - 4 : size - 1;
        const top = y - side / 2;
        // The work done fills the square from below; where squares are small nobody would see it.
        const done = size > 11 && phase === rows.phase.working && until > since ? Math.min(1, (view.now - since) / (until - since)) : 1;
        if (phase === rows.phase.givingBack) {
          // It runs no more, and its lease lasts until the table has it back.
          givingBack.rect(x - side / 2 + 1, top + 1, side - 2, side - 2);
        } else {
          if (done < 1) toWork.rect(x - side / 2, top, side, side);
          worked.rect(x - side / 2, top + side * (1 - done), side, side * done);
        }
      }
      if (job === view.chosen) {
        ctx.strokeStyle = colours.ink;
        ctx.lineWidth = 2;
        ctx.strokeRect(x - Math.max(7, size / 2) - 1, y - Math.max(7, size / 2) - 1, Math.max(14, size) + 2, Math.max(14, size) + 2);
      }
    }
    ctx.fillStyle = colours["hold-line"];
    ctx.fill(toWork);
    ctx.fillStyle = colours.hold;
    ctx.fill(worked);
    ctx.strokeStyle = colours.hold;
    ctx.lineWidth = 2;
    ctx.stroke(givingBack);
    ctx.fillStyle = colours.alarm;
    ctx.fill(tooMany);
    ctx.strokeStyle = colours.ink;
    ctx.lineWidth = 2;
    ctx.stroke(dead);
    ctx.lineWidth = 1.75;
    ctx.strokeStyle = colours.wait;
    ctx.stroke(waiting);
    ctx.fillStyle = colours.wait;
    ctx.fill(waitingSmall);
    ctx.fillStyle = colours.ask;
    ctx.fill(asking);
  }
}

/** @type {Set<number>} */
const none = new Set();

// Who is one too many where no slots are: the last ones, no more than are above the limit. Who gives back runs no more.
function overInNone(spots, { limit, excess = Infinity }) {
  const running = spots.filter((spot) => spot.phase === rows.phase.working);
  const above = running.sort((one, other) => other.cell - one.cell).slice(0, Math.max(0, Math.min(excess, running.length - limit)));
  return new Set(above.map((spot) => spot.job));
}

// Who is one too many on slots: the last ones, as many as are too many, of who runs on a slot on which another has run for
// longer, and then of who runs on a slot above the limit.
function overOnSlots(spots, { limit, excess = Infinity }) {
  const first = new Map();
  const second = [];
  for (const spot of spots) {
    if (spot.phase !== rows.phase.working || spot.cell < 0) continue;
    const other = first.get(spot.cell);
    const later = other !== undefined && (other.since > spot.since || (other.since === spot.since && other.job > spot.job)) ? other : spot;
    if (other !== undefined) second.push(later);
    if (later !== spot || other === undefined) first.set(spot.cell, spot);
  }
  const latest = (those) => those.sort((one, other) => other.since - one.since);
  const above = spots.filter((spot) => spot.phase === rows.phase.working && spot.cell >= limit && !second.includes(spot));
  return new Set([...latest(second), ...latest(above)].slice(0, excess).map((spot) => spot.job));
}

// Where dots are too small to tell round from square, squares are quicker to draw.
function dot(path, x, y, radius) {
  if (radius < 2) {
    path.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  } else {
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 7);
  }
}

// The places from one number to another, as they lie in the table (outlined), or as one imagines them (a point each).
function placesOf(view, grid, height, from, to) {
  const path = new Path2D();
  const inset = grid.size > 9 ? 1.5 : 0.5;
  const side = grid.size - 2 * inset;
  for (let cell = from; cell < Math.min(to, view.limit, inSight(grid, height)); cell += 1) {
    const { x, y } = grid.at(cell);
    if (!view.places) path.rect(x + grid.size / 2 - 1, y + grid.size / 2 - 1, 2, 2);
    else if (grid.size > 7) path.rect(x + inset + 0.5, y + inset + 0.5, side - 1, side - 1);
    else path.rect(x + inset, y + inset, side, side);
  }
  return path;
}

// A recording may tell of any limit: no more cells are drawn than can be seen.
function inSight(grid, height) {
  return grid.columns * (Math.ceil(height / grid.size) + 1);
}

// As loosely as so many dots fit: how far apart, and how many one below the other.
function pack(count, width, height, most) {
  let gap = most;
  for (; gap > 2; gap -= gap > 6 ? 1 : 0.5) {
    const rows = Math.max(1, Math.floor(height / gap));
    if (Math.ceil(count / rows) * gap <= width) break;
  }
  return { gap, rows: Math.max(1, Math.floor(height / gap)) };
}
