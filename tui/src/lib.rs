//! The part of `leasehold` that its tests and benches use too: the dashboard.

pub mod watch;
