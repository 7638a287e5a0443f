//! How does an invocation tell the tasks that wait? As the store tells them, with a note of what is not known to have
//! arrived.

use aws_sdk_sfn::Client;
use leasehold_core::machine::{Notice, Notified};
use leasehold_store::run::Notifier;
use leasehold_store::tasks::{Told, tell};

use crate::seen::Seen;

/// The tasks that wait, as one invocation tells them.
#[derive(Debug)]
pub(crate) struct Tasks<'a> {
    pub(crate) client: &'a Client,
    pub(crate) seen: &'a Seen,
}

impl Notifier for Tasks<'_> {
    async fn notify(&self, notice: &Notice) -> Notified {
        self.seen.secret(&notice.token);
        match tell(self.client, notice).await {
            Told::Delivered => Notified::Delivered,
            Told::Closed => {
                self.seen.closed();
                Notified::Closed
            }
            Told::Unknown(why) => {
                self.seen.note(why);
                Notified::Unknown
            }
        }
    }
}
