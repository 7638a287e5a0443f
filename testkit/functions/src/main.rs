//! An empty function: how quickly does a Lambda in Rust start and answer that does nothing? The lease manager is measured
//! beside it (`scripts/bench-lambda --beside`).

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(service_fn(|_: LambdaEvent<Value>| async { Ok::<_, Error>(json!({ "status": "nothing" })) })))
}
