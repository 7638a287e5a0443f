//! Quotas of the account: how much may be asked of AWS at once, and a second?

/// A bucket of tokens that fills by so many a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenBucket {
    /// How many a second; 0: any number.
    rate: u64,
    /// How many at once, in millionths of a token.
    most: u64,
    /// How many there are now, in millionths of a token.
    level: u64,
    /// When that was, in microseconds.
    at: u64,
}

impl TokenBucket {
    pub(super) fn new(rate: u64, burst: u64) -> TokenBucket {
        let most = burst.saturating_mul(1_000_000);
        TokenBucket { rate, most, level: most, at: 0 }
    }

    /// Whether something may be asked now. What a request costs is known only once it was served: so a bucket that is not
    /// empty serves it.
    pub(super) fn is_open(&mut self, now: u64) -> bool {
        if self.rate == 0 {
            return true;
        }
        let filled = now.saturating_sub(self.at).saturating_mul(self.rate);
        self.at = now;
        self.level = self.level.saturating_add(filled).min(self.most);
        self.level > 0
    }

    pub(super) fn take(&mut self, tokens: u64) {
        self.level = self.level.saturating_sub(tokens.saturating_mul(1_000_000));
    }
}

/// What an account may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountQuotas {
    /// How many invocations may run at once; 0: any number. Lambda gives an account 1,000 (quotas of 2024).
    pub concurrency: u32,
    /// Write units a second of one partition; 0: any number. DynamoDB: 1,000.
    pub write_units: u64,
    /// Read units a second of one partition; 0: any number. DynamoDB: 3,000.
    pub read_units: u64,
    /// How many tasks may be told a second; 0: any number. Step Functions: 500 in the large regions, 3,000 at once.
    pub notices: u64,
    /// How many at once after a pause.
    pub notices_burst: u64,
}

impl AccountQuotas {
    /// Any number of everything.
    pub const NONE: AccountQuotas =
        AccountQuotas { concurrency: 0, write_units: 0, read_units: 0, notices: 0, notices_burst: 0 };

    /// Those of an account that never asked for more.
    pub const ORDINARY: AccountQuotas =
        AccountQuotas { concurrency: 1_000, write_units: 1_000, read_units: 3_000, notices: 500, notices_burst: 3_000 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = TokenBucket::new(10, 3);
        let mut taken = |now: u64| {
            let open = bucket.is_open(now);
            bucket.take(u64::from(open));
            open
        };
        assert_eq!([0, 0, 0, 0].map(&mut taken), [true, true, true, false]);
        assert_eq!([100_000, 100_000, 300_000].map(&mut taken), [true, false, true]);
    }

    #[test]
    fn no_rate_is_no_quota() {
        let mut bucket = TokenBucket::new(0, 0);
        bucket.take(1_000);
        assert!(bucket.is_open(0));
    }
}
