//! How does a pool look just now? Its slots and the head of its queue.

use std::sync::Arc;

use crate::machine::{Answer, Failure, Outcome, Snapshot, Step, ask};
use crate::nouns::Millis;
use crate::settings::{COUNTED, Settings};
use crate::table::{Reply, Request, SlotRow, WaitRow};

/// What the two reads of a pool brought: its slots, and the first of its queue and whether there are more.
pub(crate) type Seen = (Vec<SlotRow>, Vec<WaitRow>, bool);

/// The two reads of a pool: separate, so that a cut page of one hides nothing of the other.
pub(crate) fn look(head: u32) -> [Request; 2] {
    [Request::Slots, Request::Queue(head)]
}

/// What the reads brought, or the first reply that was none.
pub(crate) fn seen(slots: Reply, queue: Reply) -> Result<Seen, Failure> {
    match (slots, queue) {
        (Reply::Slots(slots), Reply::Queue(queue, more)) => Ok((slots, queue, more)),
        (Reply::Slots(_), other) | (other, _) => Err(why(&other)),
    }
}

/// The failure that a reply which is no answer stands for.
pub(crate) fn why(reply: &Reply) -> Failure {
    match reply {
        Reply::Throttled | Reply::Conflict | Reply::Refused(_) => Failure::Throttled,
        _ => Failure::Unavailable,
    }
}

/// The replies, if that is what the answer is and there are as many as were asked for.
pub(crate) fn replies<const N: usize>(answer: Answer) -> Option<[Reply; N]> {
    match answer {
        Answer::Replies(replies) => replies.try_into().ok(),
        _ => None,
    }
}

/// A look under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    settings: Arc<Settings>,
}

impl Status {
    pub(crate) fn start(settings: Arc<Settings>) -> (Status, Step) {
        (Status { settings }, ask(look(COUNTED).into()))
    }

    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        let seen = match replies(answer) {
            Some([slots, queue]) => seen(slots, queue),
            None => Err(Failure::Unavailable),
        };
        Step::Done(match seen {
            Ok((slots, queue, more)) => {
                Outcome::Status(Snapshot { at: now, limit: self.settings.limit, slots, queue, more })
            }
            Err(failure) => Outcome::Failed(failure),
        })
    }
}
