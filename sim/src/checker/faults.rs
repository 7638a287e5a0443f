//! Faults: what may go wrong in a world, and how often?

/// How often each thing may go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A call dies between two requests.
    pub crash: u8,
    /// A reply is lost; the request was served, or not, or is served later.
    pub lose: u8,
    /// The table refuses: conflict, or throttled.
    pub refuse: u8,
    /// A call is frozen before it reads its replies.
    pub freeze: u8,
    /// A call is delivered once more, at once or long after.
    pub copy: u8,
    /// A holder dies without releasing.
    pub die: u8,
    /// Every holder that dies is reported by an event.
    pub events: bool,
    /// An execution that has ended is started again, under the same name.
    pub redrive: u8,
    /// A release by an attempt that was followed by a newer one arrives late.
    pub older_release: u8,
    /// A task that waits times out.
    pub abandon: u8,
    /// A callback gets lost, or its answer does.
    pub unheard: u8,
    /// It is not known whether an execution runs.
    pub unknown_status: u8,
    /// A branch is cancelled while it waits or works: its task is closed, its execution goes on running.
    pub cancel: u8,
    /// A notice is refused for good, and so is every later one to the same client.
    pub refuse_notice: u8,
    /// A waiter without a token dies silently: no execution is there to ask for, and nobody reports it.
    pub kill: u8,
    /// An execution ends with all its branches.
    pub end: u8,
    /// An execution that has failed is redriven: it asks with the same time of entry, its retries begin anew.
    pub redrive_in_place: u8,
    /// The end of an execution is reported once more.
    pub report_again: u8,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Faults = Faults {
        crash: 0,
        lose: 0,
        refuse: 0,
        freeze: 0,
        copy: 0,
        die: 0,
        events: false,
        redrive: 0,
        older_release: 0,
        abandon: 0,
        unheard: 0,
        unknown_status: 0,
        cancel: 0,
        refuse_notice: 0,
        kill: 0,
        end: 0,
        redrive_in_place: 0,
        report_again: 0,
    };

    /// Whether nothing more may go wrong.
    pub(crate) fn are_used_up(self) -> bool {
        self == Faults { events: self.events, ..Faults::default() }
    }
}
