//! Exit statuses of `leasehold run`: by which number does whoever started it learn that its command did not end by itself?

/// The command was ended because its lease was lost.
pub(crate) const LOST: u8 = 123;
/// No lease in time; the command was not started. As timeout(1) says it.
pub(crate) const TOO_LATE: u8 = 124;
/// This program could not do its part; the command was not started. As env(1) and timeout(1) say it.
pub(crate) const UNUSABLE: u8 = 125;
/// The command is there and cannot be started; as shells say it.
pub(crate) const NOT_STARTED: u8 = 126;
/// The command is not there; as shells say it.
pub(crate) const NOT_FOUND: u8 = 127;
