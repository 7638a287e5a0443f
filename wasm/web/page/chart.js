// How many ran or held a lease against the limit, lately? A line over time that turns alarming where there are more than may be.
// After a lowering, those above the new limit who may finish are drawn in the colour of what passes.

import { fit } from "./canvas.js";
import { colours } from "./colours.js";

/**
 * @typedef {object} Course
 * @property {number} from ms
 * @property {number} to ms
 * @property {string} said what to write below it: what is counted, and of which time
 * @property {number} most the top of the scale, the same at both doors
 * @property {{at: number, most: number, limit: number, ceiling: number, until: number}[]} points in order; ceiling: how many of
 *   the most may hold, more than the limit after a lowering; each lasts until the next or until its own end, whichever comes first
 */

const foot = 13;
const head = 5;

export class Chart {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.width = 0;
    this.height = 0;
  }

  fit() {
    ({ width: this.width, height: this.height } = fit(this.canvas, this.context));
  }

  /** @param {Course} course */
  draw({ from, to, most, points, said }) {
    if (this.width === 0) this.fit();
    if (this.width === 0) return;
    const ctx = this.context;
    ctx.clearRect(0, 0, this.width, this.height);
    const bottom = this.height - foot;
    const x = (at) => ((Math.max(at, from) - from) / Math.max(1e-9, to - from)) * this.width;
    const y = (held) => bottom - (held / Math.max(1, most)) * (bottom - head);

    const held = new Path2D();
    const passing = new Path2D();
    const over = new Path2D();
    const edge = new Path2D();
    const limit = new Path2D();
    let edgeY = -1;
    let limitY = -1;
    let ended = 0;
    points.forEach((point, index) => {
      const left = x(point.at);
      const right = x(Math.min(index + 1 < points.length ? points[index + 1].at : to, point.until));
      if (right <= 0) return;
      // Where nothing is known there is no line.
      if (left > ended + 0.5) edgeY = limitY = -1;
      ended = right;
      const wide = Math.max(0.5, right - left);
      const top = y(point.most);
      const line = y(point.limit);
      held.rect(left, Math.max(top, line), wide, bottom - Math.max(top, line));
      const may = Math.min(line, y(point.ceiling));
      if (top < line) passing.rect(left, Math.max(top, may), wide, line - Math.max(top, may));
      // One too many on a high scale is seen as well.
      if (top < may) over.rect(left, Math.min(top - 0.75, may - 3), wide, Math.max(may - top + 0.75, 3));
      if (edgeY < 0) edge.moveTo(left, top);
      else if (edgeY !== top) edge.lineTo(left, top);
      edge.lineTo(right, top);
      edgeY = top;
      if (limitY !== line) limit.moveTo(left, line);
      limit.lineTo(right, line);
      limitY = line;
    });
    ctx.fillStyle = colours["hold-soft"];
    ctx.fill(held);
    ctx.fillStyle = colours.wait;
    ctx.fill(passing);
    ctx.lineWidth = 1.5;
    ctx.strokeStyle = colours.hold;
    ctx.stroke(edge);
    ctx.fillStyle = colours.alarm;
    ctx.fill(over);
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, 0, this.width, this.height);
    ctx.clip();
    ctx.lineWidth = 1;
    ctx.setLineDash([4, 3]);
    ctx.strokeStyle = colours.ink;
    ctx.stroke(limit);
    ctx.restore();
    ctx.fillStyle = colours["line-strong"];
    ctx.fillRect(0, Math.round(bottom), this.width, 1);
    ctx.font = "500 10px Recursive, sans-serif";
    ctx.fillStyle = colours["ink-soft"];
    ctx.textBaseline = "bottom";
    ctx.textAlign = "left";
    ctx.fillText(said, 4, this.height - 1);
  }
}
