//! The simulator: what does it look like? The same jobs in two lanes, *count, then put* and *leasehold*; each on a
//! table of its own with the same network, workers and clocks, every request at its own simulated time.
//!
//! A [`World`] is a function of its [`Scenario`]: the same seed plays the same, natively and in a browser, and
//! going back in time is playing it again from a moment that was kept. What the lane of [`Strategy::Leasehold`] does is
//! done by the machines of `leasehold-core`, request by request; nothing of the protocol is decided here.
//!
//! A world has a lane for each strategy; a lane has an event queue, a network, a fleet of jobs and an observer, its
//! calls and its pools.

mod arrivals;
mod call;
mod call_lifecycle;
mod call_start;
mod clock;
mod describe;
mod draws;
mod engine;
mod event_queue;
mod fleet;
mod frame;
mod job;
mod job_lifecycle;
mod lane;
mod network;
mod observe;
mod observer;
mod played_operation;
mod pool;
mod pool_observer;
mod pool_series;
mod presets;
mod prices;
mod request_capture;
mod request_effect;
mod request_log;
mod request_observation;
mod request_view;
mod scenario;
mod sim_event;
mod slab_map;
mod statistics;
mod strategy_rules;
mod wait_histogram;
mod world;

pub use crate::strategy::{PerStrategy, Strategy};
pub use frame::{Frame, LaneFrame, PoolFrame};
pub use presets::{Preset, presets};
pub use prices::{PRICES, Prices};
pub use request_log::REQUESTS_KEPT;
pub use scenario::{Field, InvalidScenario, Scenario, VisitorAction, fields};
pub use sim_event::{SimEvent, SimEventKind};
pub use statistics::{Dollars, LaneStatistics, PerJob, PoolStatistics, Requests, Statistics, Units};
pub use world::{Stepped, World};
