//! Moments: is a time as Step Functions writes it read as everybody else reads it?

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use leasehold_core::contract::{ContractError, LeaseEvent};
use leasehold_core::{ReleaseTarget, Timestamp};
use serde_json::json;

use crate::words::assert_harmless;

/// The first moment of the year 10000, which has no such form.
const END: u64 = 253_402_300_800_000;

/// A time as text.
pub(crate) fn judge(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let theirs = humantime::parse_rfc3339(&text).ok().and_then(millis);
    match read(&text) {
        Ok(Timestamp(at)) => {
            // Zones are not theirs.
            assert!(theirs.is_none_or(|theirs| theirs == at), "{text}: {at}, they say {theirs:?}");
            if at < END {
                let written = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at)).to_string();
                assert_eq!(read(&written), Ok(Timestamp(at)), "{written}");
            }
        }
        Err(refused) => {
            assert_harmless(&refused.to_string());
            // They know a leap second, a point without digits, take anything for the point, and a zone after it for nothing.
            let pointless = text.len() > 20 && text.get(19..20) != Some(".");
            let digits = |rest: &str| rest.trim_end_matches(['Z', 'z']).bytes().all(|byte| byte.is_ascii_digit());
            let zoned = text.get(20..).is_some_and(|rest| !digits(rest));
            let other = text.get(17..19) == Some("60") || text.ends_with(".Z") || pointless || zoned;
            assert!(theirs.is_none() || other, "{text}: they say {theirs:?}");
        }
    }
}

fn millis(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// As the contract reads it: the entry time of an attempt.
fn read(text: &str) -> Result<Timestamp, ContractError> {
    let event = json!({ "action": "release", "execution": "e", "attempt": { "entered": text } });
    match LeaseEvent::from_value(&event)? {
        LeaseEvent::Release(ReleaseTarget::Holder(_, Some(attempt)), _) => Ok(attempt.entered),
        other => panic!("{other:?}"),
    }
}
