//! A service whose requests hold leases: how does a handler answer when no slot is free, and stop when its lease is lost?
//!
//! Any number of instances share the pool `reports`: no more reports are made at once than it lets.
//!
//! ```sh
//! cargo run --example service                              # in memory, with a pool that lets two in
//! curl -X POST http://127.0.0.1:3000/reports/2024-11
//! LEASEHOLD_TABLE=regional-concurrency-leases cargo run --example service       # on AWS, as the environment says
//! ```
//!
//! `LISTEN` is the address to listen on, `PATIENCE_MS` how long a request waits for its turn, `WORK_MS` how long a report takes.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use leasehold::{Client, Error, LeaseHandle};
use tokio::net::TcpListener;

/// What every handler has.
#[derive(Clone)]
struct Service {
    leases: Client,
    patience: Duration,
    work: Duration,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = Service {
        leases: client().await?,
        patience: milliseconds("PATIENCE_MS", 5_000)?,
        work: milliseconds("WORK_MS", 2_000)?,
    };
    // A pool that is missing is better found now than by the first customer.
    service.leases.check("reports").await?;
    let leases = service.leases.clone();
    let routes = Router::new().route("/reports/{month}", post(make_report)).route("/health", get(|| async { "well" }));
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, routes.with_state(service)).with_graceful_shutdown(stop).await?;
    // What requests that were cut off held is given back before the process ends.
    leases.settled().await;
    Ok(())
}

async fn client() -> Result<Client, Error> {
    let Ok(table) = std::env::var("LEASEHOLD_TABLE") else { return Client::in_memory(&[("reports", 2)]).await };
    let config = leasehold::aws_config_loader().load().await;
    let client = Client::builder().table(table).config(&config).owner("report-service");
    client.on_event(|event| eprintln!("leasehold: {event}")).build()
}

/// Makes a report under a lease. Whoever asks and goes away ends its wait, and its work, too: the future is dropped.
async fn make_report(State(service): State<Service>, Path(month): Path<String>) -> Response {
    let lease = service.leases.acquire("reports").key(&month).patience(service.patience);
    match lease.with(|lease| report(lease, month, service.work)).await {
        Ok(report) => report.into_response(),
        // Busy, or the table does not answer: whoever asks may ask again.
        Err(error) if error.may_pass() => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], error.to_string()).into_response()
        }
        // Another may have made one at the same time: this one is not told as done.
        Err(error @ Error::Lost { .. }) => (StatusCode::CONFLICT, error.to_string()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The work. Whatever it writes to is given the slot and the fence, and refuses an older fence of the same slot.
async fn report(lease: LeaseHandle, month: String, takes: Duration) -> impl IntoResponse {
    tokio::time::sleep(takes).await;
    let shown = |name| HeaderName::from_static(name);
    let headers = [(shown("x-slot"), lease.slot().to_string()), (shown("x-fence"), lease.fence().to_string())];
    (headers, format!("the report of {month}\n"))
}

fn milliseconds(variable: &str, otherwise: u64) -> Result<Duration, std::num::ParseIntError> {
    std::env::var(variable).map_or(Ok(otherwise), |text| text.parse()).map(Duration::from_millis)
}
