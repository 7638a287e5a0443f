// Where does each number lie in the flat arrays that the simulator gives? Their layout has this one home on this side.

export const COUNTING = 0;
export const LEASEHOLD = 1;

export const job = { stride: 8, job: 0, pool: 1, phase: 2, since: 3, until: 4, cell: 5, workload: 6, flags: 7 };
export const phase = { asking: 0, queued: 1, backingOff: 2, working: 3, givingBack: 4, dead: 5, restarting: 6 };

/** Whether a job in this phase is drawn as one that waits, and counted so: in the queue, or until it asks again. @param {number} of */
export function isWaiting(of) {
  return of === phase.queued || of === phase.backingOff || of === phase.restarting;
}

export const request = { stride: 10, id: 0, job: 1, pool: 2, kind: 3, leg: 4, from: 5, to: 6, outcome: 7, operation: 8, cell: 9 };
export const kind = { read: 0, write: 1, transaction: 2, notice: 3, alive: 4, invocation: 5 };
export const outcome = { fine: 0, refused: 1, throttled: 2, lost: 3, closed: 4, full: 5 };
export const operation = { acquire: 0, release: 1, renew: 2, sweep: 3, ended: 4, limit: 5, count: 6, put: 7 };

/** What holds no row. */
export const none = new Float64Array(0);

export const taken = { stride: 2, pool: 0, cell: 1 };

export const line = { stride: 6, from: 0, most: 1, last: 2, limit: 3, waiting: 4, ceiling: 5 };
export const traceLine = { stride: 5, at: 0, held: 1, limit: 2, waiting: 3, until: 4 };
