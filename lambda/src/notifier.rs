//! The notifier of an invocation: how does it tell the tasks that wait? As the store tells them, with a note of what is
//! not known to have arrived.

use aws_sdk_sfn::Client;
use leasehold_core::{Delivery, TaskCallback};
use leasehold_store::{DeliveryReport, Notifier, send_callback};

use crate::metrics::Observer;

/// The tasks that wait, as one invocation tells them.
#[derive(Debug)]
pub(crate) struct TaskNotifier<'a> {
    pub(crate) client: &'a Client,
    pub(crate) observer: &'a Observer,
}

impl Notifier for TaskNotifier<'_> {
    async fn notify(&self, callback: &TaskCallback) -> Delivery {
        self.observer.secret(&callback.token);
        match send_callback(self.client, callback).await {
            DeliveryReport::Delivered => Delivery::Delivered,
            DeliveryReport::Closed => {
                self.observer.closed();
                Delivery::Closed
            }
            DeliveryReport::Refused(why) => {
                self.observer.refused(why);
                Delivery::Refused
            }
            DeliveryReport::NotSent(why) => {
                self.observer.note(why);
                Delivery::NotSent
            }
            DeliveryReport::Unknown(why) => {
                self.observer.note(why);
                Delivery::Unknown
            }
        }
    }
}
