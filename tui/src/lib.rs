//! The dashboard's library: which part of `leasehold` do its tests and benches use too?

#[cfg(not(unix))]
compile_error!("the command `leasehold` runs on Linux and macOS; on Windows, build it in WSL");

pub mod charset;
pub mod duration;
pub mod process_ids;
pub mod watch;
