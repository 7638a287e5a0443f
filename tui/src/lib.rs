//! The dashboard's library: which part of `leasehold` do its tests and benches use too?

pub mod charset;
pub mod process_ids;
pub mod watch;
