//! Removals: which conditions of writes, and which other rules of the protocol, can be taken away from a large world? The same
//! as from the checker's.

use std::fmt;

use leasehold_core::Guard;

use crate::checker::Ablation;

/// What is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A condition: the table does not check it.
    Condition(Guard),
    /// Another rule.
    Rule(Ablation),
}

impl Removal {
    /// All of them.
    pub const ALL: &[Removal] = &[
        Removal::Condition(Guard::ClaimSlotUnchanged),
        Removal::Condition(Guard::ClaimHolderUnchanged),
        Removal::Condition(Guard::ReclaimUnchanged),
        Removal::Condition(Guard::GrantSlotUnchanged),
        Removal::Condition(Guard::GrantWaiterUnchanged),
        Removal::Condition(Guard::ReleaseSameLease),
        Removal::Condition(Guard::ReleaseConfirmed),
        Removal::Condition(Guard::ReturnUntold),
        Removal::Condition(Guard::ReturnUnrenewed),
        Removal::Condition(Guard::RegrantSameLease),
        Removal::Condition(Guard::CollectSameLease),
        Removal::Condition(Guard::RenewSameLease),
        Removal::Condition(Guard::RenewNeverShortens),
        Removal::Condition(Guard::EnqueueHolderUnchanged),
        Removal::Condition(Guard::ReplaceWaiterUnchanged),
        Removal::Condition(Guard::PutPlaceUnchanged),
        Removal::Condition(Guard::RemoveSamePlace),
        Removal::Condition(Guard::LeaveWaiterUnchanged),
        Removal::Condition(Guard::LeaveSamePlace),
        Removal::Condition(Guard::ConfirmSameLease),
        Removal::Condition(Guard::RaiseHighWaterUnchanged),
        Removal::Condition(Guard::LowerHighWaterUnchanged),
        Removal::Condition(Guard::FoldSlotFree),
        Removal::Condition(Guard::SetLimitOverrideUnchanged),
        Removal::Condition(Guard::SetLimitPoolUnchanged),
        Removal::Condition(Guard::EndOverrideUnchanged),
        Removal::Condition(Guard::EndOverridePoolUnchanged),
        Removal::Condition(Guard::SetPoolUnchanged),
        Removal::Condition(Guard::ClearOverrideUnchanged),
        Removal::Rule(Ablation::Tombstones),
        Removal::Rule(Ablation::Attempts),
        Removal::Rule(Ablation::SecondLook),
        Removal::Rule(Ablation::Grace),
        Removal::Rule(Ablation::Unconfirmed),
        Removal::Rule(Ablation::Revoke),
        Removal::Rule(Ablation::AboveLimit),
        Removal::Rule(Ablation::Quiet),
        Removal::Rule(Ablation::Lapse),
        Removal::Rule(Ablation::ClosedMeansEnded),
        Removal::Rule(Ablation::WhenItEnded),
        Removal::Rule(Ablation::SecondClock),
        Removal::Rule(Ablation::TableTime),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Removal> {
        Removal::ALL.iter().copied().find(|removal| removal.to_string() == name)
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Removal::Condition(guard) => write!(f, "{guard:?}"),
            Removal::Rule(rule) => write!(f, "{rule:?}"),
        }
    }
}
