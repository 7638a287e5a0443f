//! Codes of findings: which are there, and how bad is each? Stable: scripts and the runbook go by them.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Worth to know; nothing is wrong.
    Note,
    /// Something will go wrong, or already costs something.
    Warning,
    /// Something is wrong: callers fail, or a promise may be broken.
    Error,
}

macro_rules! codes {
    ($($name:ident $text:literal $severity:ident,)*) => {
        /// What is found, in one word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub(crate) enum Code {
            $(#[serde(rename = $text)] #[allow(missing_docs, reason = "words.rs says what each is")] $name,)*
        }

        impl Code {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Code] = &[$(Code::$name),*];

            /// As it is written.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// How bad it is.
            pub(crate) fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    TableKeys "table-keys" Error,
    IndexMissing "index-missing" Error,
    IndexShape "index-shape" Error,
    IndexForeignRow "index-foreign-row" Note,
    TtlOff "ttl-off" Warning,
    DescribeDenied "describe-denied" Note,
    ReadDenied "read-denied" Error,
    ClockWrong "clock-wrong" Warning,
    PoolMissing "pool-missing" Warning,
    EditionOther "edition-other" Error,
    RowDamaged "row-damaged" Error,
    RowForeign "row-foreign" Warning,
    RowUnlisted "row-unlisted" Warning,
    LookCut "look-cut" Note,
    SettingsInvalid "settings-invalid" Error,
    SettingsQuietShort "settings-quiet-short" Error,
    SettingsGraceShort "settings-grace-short" Warning,
    SettingsLeaseShort "settings-lease-short" Note,
    SettingsGraceLong "settings-grace-long" Warning,
    SettingsSweepSlow "settings-sweep-slow" Warning,
    SettingsHoldShort "settings-hold-short" Warning,
    SettingsWaitShort "settings-wait-short" Warning,
    OverrideOld "override-old" Warning,
    PoolDrained "pool-drained" Note,
    SweepNotRunning "sweep-not-running" Warning,
    LeaseLeft "lease-left" Warning,
    LeaseTooLong "lease-too-long" Warning,
    NoticeStuck "notice-stuck" Warning,
    WaiterOverdue "waiter-overdue" Warning,
    QueueStarving "queue-starving" Warning,
    PlaceIsNothing "place-is-nothing" Warning,
    WaiterWithoutPlace "waiter-without-place" Warning,
    HolderMissing "holder-missing" Error,
    HolderElsewhere "holder-elsewhere" Error,
    HolderHoldsTwice "holder-holds-twice" Error,
    HolderAstray "holder-astray" Error,
    FenceWentBack "fence-went-back" Error,
    SlotAboveMark "slot-above-mark" Error,
    MarkMissing "mark-missing" Error,
    MarkUnreadable "mark-unreadable" Error,
    OverLimit "over-limit" Warning,
    SlotsAboveLimit "slots-above-limit" Note,
}

impl Code {
    /// Whether it is about times among a pool's settings that are too short or do not fit each other.
    pub(crate) fn is_of_times(self) -> bool {
        matches!(
            self,
            Code::SettingsQuietShort
                | Code::SettingsGraceShort
                | Code::SettingsLeaseShort
                | Code::SettingsGraceLong
                | Code::SettingsSweepSlow
                | Code::SettingsHoldShort
                | Code::SettingsWaitShort
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runbook_has_every_code() {
        let runbook = include_str!("../../../docs/guide/runbook.md");
        for code in Code::ALL {
            assert!(runbook.contains(&format!("`{}`", code.as_str())), "{} is not in the runbook", code.as_str());
        }
    }

    #[test]
    fn the_schema_has_every_code_and_no_other() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../schemas/doctor.json")).expect("a schema");
        let said = schema["properties"]["findings"]["items"]["properties"]["code"]["enum"].clone();
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(said, serde_json::json!(codes));
    }
}
