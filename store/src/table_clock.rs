//! The table's clock as a client sees it: where do the dates of its replies come from, and who is told that this
//! machine's clock is wrong? Reads the `Date` of every reply that the SDK gets, whatever it answers.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::date_time::Format;
use leasehold_core::{Millis, Timestamp};

use crate::table_time::{LocalMoment, TableTime, WrongClock};

/// What is known of one table's clock, by all that use the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableClock(Arc<SharedTime>);

#[derive(Default)]
struct SharedTime {
    time: Mutex<TableTime>,
    /// Taken by the first that tells it.
    listener: OnceLock<WrongClockListener>,
    told: OnceLock<WrongClock>,
}

type WrongClockListener = Box<dyn Fn(WrongClock) + Send + Sync>;

impl fmt::Debug for SharedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTime").field("time", &self.time).field("told", &self.told).finish_non_exhaustive()
    }
}

impl TableClock {
    /// The table's time when a clock of this machine says `local`.
    pub(crate) fn time(&self, local: Timestamp) -> Timestamp {
        self.known().nearest(local, LocalMoment::now())
    }

    /// Whether an operation may be started on it now that takes it to be right to within this.
    pub(crate) fn is_fresh(&self, within: Millis) -> bool {
        let known = self.known();
        known.is_fresh(LocalMoment::now()) && known.is_within(within)
    }

    /// Has this told how wrong this machine's clock is, once. Only the first listener is.
    pub(crate) fn on_wrong_clock(&self, listener: impl Fn(WrongClock) + Send + Sync + 'static) {
        if self.0.listener.set(Box::new(listener)).is_ok()
            && let (Some(listener), Some(wrong)) = (self.0.listener.get(), self.0.told.get())
        {
            listener(*wrong);
        }
    }

    fn replied(&self, date: Option<Timestamp>, sent: Instant) {
        let mut known = self.known();
        // Read once it is this reply's turn, so that no moment that is learned from lies before the one before it.
        let received = LocalMoment::now();
        match date {
            Some(date) => known.dated(date, sent, received),
            None => known.undated(received),
        }
        let wrong = known.wrong_clock(received);
        drop(known);
        if let Some(wrong) = wrong
            && self.0.told.set(wrong).is_ok()
            && let Some(listener) = self.0.listener.get()
        {
            listener(wrong);
        }
    }

    fn known(&self) -> MutexGuard<'_, TableTime> {
        self.0.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a request left.
#[derive(Clone, Copy, Debug)]
struct SentAt(Instant);

impl Storable for SentAt {
    type Storer = StoreReplace<Self>;
}

impl Intercept for TableClock {
    fn name(&self) -> &'static str {
        "TableClock"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        state.interceptor_state().store_put(SentAt(Instant::now()));
        Ok(())
    }

    /// As soon as the reply begins, whether or not it makes sense.
    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(SentAt(sent)) = state.load::<SentAt>() {
            let response = context.response();
            // What a cache kept has its old date; DynamoDB's replies are never kept.
            let date = response.headers().get("date").filter(|_| response.headers().get("age").is_none());
            match date.and_then(moment) {
                // A refusal without a date may be from whatever lies between here and the table.
                None if !response.status().is_success() => {}
                date => self.replied(date, *sent),
            }
        }
        Ok(())
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn moment(date: &str) -> Option<Timestamp> {
    let date = DateTime::from_str(date, Format::HttpDate).ok()?;
    u64::try_from(date.to_millis().ok()?).ok().map(Timestamp)
}
