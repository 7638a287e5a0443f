//! Prices: what is a unit worth in dollars? No other file knows them.

use serde::Serialize;

/// What things cost, in dollars: on demand, without free tiers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prices {
    /// Where.
    pub region: &'static str,
    /// When.
    pub as_of: &'static str,
    /// A million DynamoDB write request units.
    pub write_per_million: f64,
    /// A million DynamoDB read request units.
    pub read_per_million: f64,
    /// A million Step Functions state transitions.
    pub transition_per_million: f64,
    /// What is not in it.
    pub note: &'static str,
}

/// The prices: AWS's price lists for us-east-1, after DynamoDB's on-demand prices were halved in November 2024.
pub const PRICES: Prices = Prices {
    region: "us-east-1",
    as_of: "November 2024",
    write_per_million: 0.625,
    read_per_million: 0.125,
    transition_per_million: 25.0,
    note: "DynamoDB on demand and Step Functions Standard; Lambda, storage and free tiers are left out",
};
