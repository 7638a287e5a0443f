//! Effects of calls: what becomes of each request, notice and question on its way, and when does the call go on?

use leasehold_core::{
    Delivery, Effect, EffectReply, ExecutionStatus, HolderState, InFlight, Machine, Operation, Reply, Request, Row,
    RowKey, Settings, Slot, Step, TaskCallback,
};

use super::agenda::Event;
use super::call::{CallOutcome, CallPhase, Caller, QueueStanding};
use super::fault_kind::FaultKind;
use super::plan::{MS, SECOND};
use super::population::ExecutionState;
use super::world::{LateArrival, World};
use crate::checker::Ablation;
use crate::rng::Rng;

/// How often the store sends a request that the table refuses for now, the first time included.
const STORE_TRIES: u8 = 4;

/// The longest first pause of the store between two tries, in microseconds; it doubles.
const STORE_PAUSE: u64 = 20 * MS;

/// How many slots a process looks at to see whether a lease has lapsed.
const LAPSED_WINDOW: u32 = 16;

/// What becomes of an effect that got where it was sent.
enum Reached {
    /// It is answered; the answer comes at this moment.
    Answered(EffectReply, u64),
    /// It is sent again then, for the so manyth time.
    Again(u64, u8),
    /// The rest of it is read then.
    Half(Reply, u64),
    /// Its call dies.
    Dies,
}

impl World {
    /// Reads the settings if they are too old, then starts the operation.
    pub(super) fn start(&mut self, at: u32) {
        let now = self.agenda.now();
        let fresh_for = self.plan.times.settings_fresh;
        let Some(machine) = self.calls[at as usize].runs_on else { return };
        let machine = &self.machines[machine as usize];
        match &machine.settings {
            Some((settings, read_at)) if now - read_at < fresh_for => {
                let settings = settings.clone();
                let time = machine.time(now);
                let call = &mut self.calls[at as usize];
                call.phase = CallPhase::Running;
                let entropy = call.rng.number();
                match (&call.operation, call.by) {
                    (Some(operation), _) => {
                        let (machine, step) = operation.clone().start(settings, time, entropy);
                        call.machine = Some(machine);
                        call.saw_waiter = false;
                        self.watch_sweep(at);
                        self.go_on(at, step);
                    }
                    (None, Caller::Look { holder, .. }) => {
                        call.phase = CallPhase::Looking;
                        let own = self.members[holder as usize].holder.hashed();
                        self.perform(at, vec![Effect::Request(Request::Get(RowKey::Holder(own)))], 0);
                    }
                    (None, _) => self.finish(at, Err("Internal")),
                }
            }
            _ => {
                self.calls[at as usize].phase = CallPhase::Settings;
                self.calls[at as usize].read_at = now;
                let reads = Settings::reads().map(Effect::Request).into();
                self.perform(at, reads, 0);
            }
        }
    }

    fn go_on(&mut self, at: u32, step: Step<leasehold_core::AnyOutcome>) {
        match step {
            Step::Perform { effects, pause } => self.perform(at, effects, pause.0 * MS),
            Step::Done(outcome) => self.done(at, outcome),
        }
    }

    /// Sends the effects of a step.
    fn perform(&mut self, at: u32, effects: Vec<Effect>, pause: u64) {
        self.judge_step(at, &effects);
        let serial = self.next_serial(at);
        let one_way = self.plan.times.one_way;
        let sent = self.agenda.now() + pause;
        let call = &mut self.calls[at as usize];
        call.sent = sent;
        call.resume_at = sent;
        call.pending = u16::try_from(effects.len()).unwrap_or(u16::MAX);
        for index in 0..call.pending {
            let takes = one_way / 2 + call.rng.below(one_way);
            self.agenda.at(sent + takes, Event::Serve { call: at, serial, at: index, tries: 1 });
        }
        call.in_flight = InFlight::new(effects);
    }

    /// An effect gets where it was sent.
    pub(super) fn reach(&mut self, at: u32, index: u16, tries: u8) {
        let call = &mut self.calls[at as usize];
        let in_flight = std::mem::replace(&mut call.in_flight, InFlight::new(vec![]));
        let reached = match in_flight.effect(usize::from(index)) {
            Some(Effect::Request(request)) => self.reach_table(at, request, tries),
            Some(Effect::Callback(callback)) => self.reach_task(at, callback),
            Some(Effect::StatusCheck(execution)) => self.reach_executions(at, execution),
            None => return,
        };
        let call = &mut self.calls[at as usize];
        call.in_flight = in_flight;
        match reached {
            Reached::Answered(reply, comes_at) => self.answered(at, index, reply, comes_at),
            Reached::Again(then, tries) => {
                let serial = call.serial;
                self.agenda.at(then, Event::Serve { call: at, serial, at: index, tries });
            }
            Reached::Half(reply, then) => {
                let serial = call.serial;
                call.half = Some((index, reply));
                self.agenda.at(then, Event::Half { call: at, serial, at: index });
            }
            Reached::Dies => self.dies(at),
        }
    }

    fn answered(&mut self, at: u32, index: u16, reply: EffectReply, comes_at: u64) {
        let call = &mut self.calls[at as usize];
        if let EffectReply::Table(Reply::Queue(places, _)) = &reply {
            call.saw_waiter = !places.is_empty();
        }
        call.in_flight.reply(usize::from(index), reply);
        call.resume_at = call.resume_at.max(comes_at);
        call.pending -= 1;
        if call.pending == 0 {
            let (serial, resume_at, until) = (call.serial, call.resume_at, call.until);
            if resume_at >= until {
                self.agenda.at(until, Event::Cut { call: at, serial });
            } else {
                self.agenda.at(resume_at, Event::Resume { call: at, serial });
            }
        }
    }

    /// What goes wrong with an effect of a call, and how long its answer takes to come back.
    fn draw(&mut self, at: u32, kinds: &[FaultKind]) -> (Option<FaultKind>, u64) {
        let rng = &mut self.calls[at as usize].rng;
        let one_way = self.plan.times.one_way;
        let back = self.agenda.now() + one_way / 2 + rng.below(one_way);
        (self.rates.draw(kinds, rng), back)
    }

    /// Something went wrong with a call.
    fn faulted(&mut self, at: u32, kind: FaultKind) {
        self.report.faults.count(kind);
        self.calls[at as usize].is_faulted = true;
        if self.story.is_some() {
            self.tell(format!("{}: {}", self.name_of(at), kind.name()));
        }
    }

    fn unanswered(&self, at: u32) -> u64 {
        self.calls[at as usize].sent + self.plan.times.answer_within
    }

    fn some_time(&mut self, at: u32, most: u64) -> u64 {
        let rng = &mut self.calls[at as usize].rng;
        // Mostly short, now and then as long as can be.
        let most = most >> rng.below(12);
        rng.below(most.max(MS))
    }

    fn reach_table(&mut self, at: u32, request: &Request, tries: u8) -> Reached {
        let pool = self.calls[at as usize].pool;
        let is_write = !request.writes().is_empty();
        // Who gets no answer to a reading knows as much as if it had not been asked.
        let unknown = if is_write { Reply::Unknown } else { Reply::Unavailable };
        let unknown: EffectReply = unknown.into();
        let (fault, mut back) = self.draw(at, FaultKind::OF_REQUESTS);
        let now = self.agenda.now();
        let refusal = match fault {
            Some(kind @ FaultKind::DiesBefore) => {
                self.faulted(at, kind);
                return Reached::Dies;
            }
            Some(kind @ FaultKind::RequestLost) => {
                self.faulted(at, kind);
                return Reached::Answered(unknown, self.unanswered(at));
            }
            Some(kind @ FaultKind::ServedLate) if is_write => {
                self.faulted(at, kind);
                let later = self.unanswered(at) + self.some_time(at, self.plan.times.latest);
                self.arrive_late(later, LateArrival::Request(pool, request.clone(), self.reported_end(at)));
                return Reached::Answered(unknown, self.unanswered(at));
            }
            Some(kind @ FaultKind::Throttled) => Some((kind, Reply::Throttled)),
            Some(kind @ FaultKind::Conflict) if is_write => Some((kind, Reply::Conflict)),
            _ if !self.partition_takes(pool, request) => {
                self.report.partition_refused += 1;
                self.calls[at as usize].is_faulted = true;
                Some((FaultKind::Throttled, Reply::Throttled))
            }
            _ => None,
        };
        if let Some((kind, reply)) = refusal {
            if fault == Some(kind) {
                self.faulted(at, kind);
            }
            // The store tries again by itself.
            if tries < STORE_TRIES {
                let pause = self.calls[at as usize].rng.below(STORE_PAUSE << tries);
                return Reached::Again(now + pause, tries + 1);
            }
            return Reached::Answered(reply.into(), back);
        }
        let reply = self.serve(pool, request, Some(at));
        match fault {
            Some(kind @ FaultKind::DiesAfter) => {
                self.faulted(at, kind);
                return Reached::Dies;
            }
            Some(kind @ FaultKind::ReplyLost) => {
                self.faulted(at, kind);
                return Reached::Answered(unknown, self.unanswered(at));
            }
            Some(kind @ FaultKind::ServedTwice) if is_write => {
                self.faulted(at, kind);
                let later = now + self.some_time(at, self.plan.times.latest);
                self.arrive_late(later, LateArrival::Request(pool, request.clone(), self.reported_end(at)));
            }
            Some(kind @ FaultKind::Slow) => {
                self.faulted(at, kind);
                back += self.some_time(at, 2 * self.plan.times.answer_within);
                if back >= self.unanswered(at) {
                    return Reached::Answered(unknown, self.unanswered(at));
                }
            }
            Some(kind @ FaultKind::Frozen) => {
                self.faulted(at, kind);
                back += self.freezes(at);
            }
            Some(kind @ FaultKind::TornQuery)
                if matches!(reply, Reply::Slots(_) | Reply::Queue(..) | Reply::Holders(..))
                    && self.calls[at as usize].half.is_none() =>
            {
                self.faulted(at, kind);
                let later = now + self.some_time(at, 100 * MS);
                return Reached::Half(reply, later);
            }
            _ => {}
        }
        if self.plan.faults.of(FaultKind::ClockWrong) > 0
            && !self.is_without(Ablation::TableTime)
            && let Some(machine) = self.calls[at as usize].runs_on
        {
            let sent = self.calls[at as usize].sent.min(now);
            self.machines[machine as usize].learns(sent, now, back);
        }
        Reached::Answered(reply.into(), back)
    }

    /// A call stands still: for how long? What limits its time stands still too.
    fn freezes(&mut self, at: u32) -> u64 {
        let most = self.plan.times.longest_freeze.saturating_sub(self.calls[at as usize].froze);
        let frozen = self.some_time(at, most).min(most);
        let call = &mut self.calls[at as usize];
        call.froze += frozen;
        call.until += frozen;
        frozen
    }

    /// The rest of a query's rows is read: some rows are from before, some from now.
    pub(super) fn second_half(&mut self, at: u32, index: u16) {
        let call = &mut self.calls[at as usize];
        let Some((_, first)) = call.half.take() else { return };
        let in_flight = std::mem::replace(&mut call.in_flight, InFlight::new(vec![]));
        let (pool, first_is_low) = (call.pool, call.rng.happens(5_000));
        if let Some(Effect::Request(request)) = in_flight.effect(usize::from(index)) {
            let second = self.serve(pool, request, Some(at));
            let rng = &mut self.calls[at as usize].rng;
            let (low, high) = if first_is_low { (first, second) } else { (second, first) };
            let torn = torn(low, high, rng);
            let back = self.agenda.now() + self.plan.times.one_way;
            self.calls[at as usize].in_flight = in_flight;
            self.answered(at, index, torn.into(), back);
        }
    }

    fn reach_task(&mut self, at: u32, callback: &TaskCallback) -> Reached {
        self.report.notices += 1;
        let (fault, mut back) = self.draw(at, FaultKind::OF_NOTICES);
        let now = self.agenda.now();
        if !self.notices.is_open(now) {
            self.report.notices_refused += 1;
            self.calls[at as usize].is_faulted = true;
            return Reached::Answered(Delivery::NotSent.into(), back);
        }
        self.notices.take(1);
        match fault {
            Some(kind @ FaultKind::DiesBefore) => {
                self.faulted(at, kind);
                return Reached::Dies;
            }
            Some(kind @ FaultKind::NoticeLost) => {
                self.faulted(at, kind);
                return Reached::Answered(Delivery::Unknown.into(), self.unanswered(at));
            }
            Some(kind @ FaultKind::NoticeLate) => {
                self.faulted(at, kind);
                let later = self.unanswered(at) + self.some_time(at, self.plan.times.latest);
                self.arrive_late(later, LateArrival::Notice(callback.clone()));
                return Reached::Answered(Delivery::Unknown.into(), self.unanswered(at));
            }
            Some(kind @ FaultKind::NoticeNotSent) => {
                self.faulted(at, kind);
                return Reached::Answered(Delivery::NotSent.into(), back);
            }
            Some(kind @ FaultKind::NoticeRefused) => {
                self.faulted(at, kind);
                self.make_untellable(callback);
            }
            _ => {}
        }
        let delivery = self.deliver(callback);
        match fault {
            Some(kind @ FaultKind::DiesAfter) => {
                self.faulted(at, kind);
                return Reached::Dies;
            }
            Some(kind @ FaultKind::NoticeUnheard) => {
                self.faulted(at, kind);
                return Reached::Answered(Delivery::Unknown.into(), self.unanswered(at));
            }
            Some(kind @ FaultKind::Frozen) => {
                self.faulted(at, kind);
                back += self.freezes(at);
            }
            _ => {}
        }
        Reached::Answered(delivery.into(), back)
    }

    fn reach_executions(&mut self, at: u32, execution: &str) -> Reached {
        self.report.status_checks += 1;
        let (fault, mut back) = self.draw(at, &[FaultKind::StatusUnknown, FaultKind::StatusOld]);
        let number = execution.rsplit_once("execution:work:").and_then(|(_, number)| number.parse::<usize>().ok());
        let mut status = match number.map(|number| self.executions[number].state) {
            // A process is no execution.
            None => ExecutionStatus::Unknown,
            Some(ExecutionState::Running | ExecutionState::NotBegun) => ExecutionStatus::Running,
            Some(ExecutionState::Succeeded | ExecutionState::Failed) => ExecutionStatus::Ended,
        };
        match fault {
            Some(kind @ FaultKind::StatusUnknown) => {
                self.faulted(at, kind);
                status = ExecutionStatus::Unknown;
            }
            Some(kind) => {
                self.faulted(at, kind);
                back += self.some_time(at, 5 * SECOND);
            }
            None => {}
        }
        Reached::Answered(self.redacted_status(status).into(), back)
    }

    /// Something is on its way that nobody waits for.
    fn arrive_late(&mut self, then: u64, what: LateArrival) {
        self.late.push(Some(what));
        self.late_open += 1;
        let late = u32::try_from(self.late.len() - 1).unwrap_or(u32::MAX);
        self.agenda.at(then, Event::Late { late });
    }

    pub(super) fn arrives_late(&mut self, late: u32) {
        self.late_open -= 1;
        match self.late[late as usize].take() {
            Some(LateArrival::Request(pool, request, end)) => {
                self.late_end = end;
                self.serve(pool, &request, None);
                self.late_end = None;
            }
            Some(LateArrival::Notice(callback)) => {
                self.deliver(&callback);
            }
            None => {}
        }
    }

    /// All answers are back: the call goes on.
    pub(super) fn resume(&mut self, at: u32) {
        let now = self.agenda.now();
        if self.is_of_dead_process(at) {
            return self.drop_call(at);
        }
        let is_late = self.is_without(Ablation::SecondClock);
        let call = &mut self.calls[at as usize];
        let replies = std::mem::replace(&mut call.in_flight, InFlight::new(vec![])).into_replies();
        let Some(machine) = call.runs_on else { return };
        let read = if is_late { call.sent } else { now };
        let time = self.machines[machine as usize].time(read);
        match &mut call.phase {
            CallPhase::Running => {
                let Some(machine) = &mut call.machine else { return };
                let step = machine.resume(replies, time);
                self.go_on(at, step);
            }
            CallPhase::Settings => {
                call.phase = CallPhase::HighWater(Box::new(replies.table()));
                self.perform(at, vec![Effect::Request(Settings::HIGH_WATER_READ)], 0);
            }
            CallPhase::HighWater(own_rows) => {
                let [high_water] = replies.table();
                let own_rows = own_rows.clone();
                let name = self.pools[usize::from(call.pool)].name.clone();
                let begun = self.machines[machine as usize].time(call.read_at);
                match Settings::from_replies(name, *own_rows, high_water, begun) {
                    Ok(settings) => {
                        // As old as the moment at which their reading began.
                        let read_at = call.read_at;
                        let settings = self.redacted_settings(settings).into();
                        self.machines[machine as usize].settings = Some((settings, read_at));
                        self.start(at);
                    }
                    Err(failure) => self.fails_with(at, &failure),
                }
            }
            CallPhase::Looking => {
                let standing = match replies.table() {
                    [Reply::Row(Some(Row::Holder(row)))] => match row.state {
                        HolderState::Waiting { .. } => Ok(QueueStanding::Waits),
                        HolderState::Holding { .. } => Ok(QueueStanding::Turn),
                        HolderState::Ended => Ok(QueueStanding::Nowhere),
                    },
                    [Reply::Row(_)] => Ok(QueueStanding::Nowhere),
                    _ => Err("TableUnavailable"),
                };
                // Now and then it looks whether a lease has lapsed.
                if standing == Ok(QueueStanding::Waits) && call.rng.happens(5_000) {
                    call.phase = CallPhase::LookingForLapsed;
                    let limit = self.machines[machine as usize]
                        .settings
                        .as_ref()
                        .map_or(1, |(settings, _)| settings.limit.count());
                    let windows = limit.div_ceil(LAPSED_WINDOW).max(1);
                    let from = call.rng.choice(windows as usize) as u32 * LAPSED_WINDOW;
                    let request = Request::Slots(Slot(from), Slot(from + LAPSED_WINDOW - 1));
                    return self.perform(at, vec![Effect::Request(request)], 0);
                }
                self.finish(at, standing.map(CallOutcome::Standing));
            }
            CallPhase::LookingForLapsed => {
                let settings = self.machines[machine as usize].settings.clone();
                let lapsed = match (replies.table(), settings) {
                    ([Reply::Slots(slots)], Some((settings, _))) => slots.iter().any(|row| {
                        row.held.as_ref().is_some_and(|held| time >= settings.reclaimable_at(held.expires_at))
                    }),
                    _ => false,
                };
                self.finish(at, Ok(CallOutcome::Lapsed(lapsed)));
            }
            CallPhase::Invoked | CallPhase::Answered => {}
        }
    }
}

/// A query that read its lower rows at one moment, and its higher ones at another.
fn torn(low: Reply, high: Reply, rng: &mut Rng) -> Reply {
    fn join<T, K: Ord>(low: Vec<T>, high: Vec<T>, key: impl Fn(&T) -> K, rng: &mut Rng) -> Vec<T> {
        let all = low.len().max(high.len());
        let Some(pivot) = low.get(rng.choice(all)).or(low.last()).map(&key) else { return high };
        let mut rows: Vec<T> = low.into_iter().filter(|row| key(row) <= pivot).collect();
        rows.extend(high.into_iter().filter(|row| key(row) > pivot));
        rows
    }
    match (low, high) {
        (Reply::Slots(low), Reply::Slots(high)) => Reply::Slots(join(low, high, |row| row.slot, rng)),
        (Reply::Queue(low, _), Reply::Queue(high, more)) => Reply::Queue(join(low, high, |row| row.ticket, rng), more),
        (Reply::Holders(low, _), Reply::Holders(high, more)) => {
            Reply::Holders(join(low, high, |row| row.holder.hashed(), rng), more)
        }
        (_, other) => other,
    }
}
