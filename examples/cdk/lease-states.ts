// The workflow states that take and give back a lease, as `leasehold states` printed them: how do they get into a
// state machine of the CDK?

import { readFileSync } from "node:fs";

interface LeaseStates {
  readonly start_at: string;
  readonly states: Record<string, unknown>;
  readonly work_catch: unknown[];
}

/** The function that the states were printed for. */
const PRINTED_FOR = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager";

/**
 * All states of one job, with the work between them, calling this lease manager.
 * @param file what `leasehold states` printed for {@link PRINTED_FOR}
 * @param work a Task, Parallel or Map, without `Next` and `Catch`
 */
export function leased(file: string, leaseManagerArn: string, work: object) {
  const text = readFileSync(file, "utf8").replaceAll(PRINTED_FOR, leaseManagerArn);
  const { start_at, states, work_catch } = JSON.parse(text) as LeaseStates;
  return {
    StartAt: start_at,
    States: { ...states, Process: { ...work, Catch: work_catch, Next: "ReleaseLease" } },
  };
}
