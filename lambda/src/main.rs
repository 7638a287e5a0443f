//! The function's process: who asks Lambda for events? This does, for one after the other, and has them handled.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lease_manager::{
    Config, Invocation, InvocationEvent, InvocationFailure, LeaseManager, LogLevel, Reporting, SERVICE,
};
use leasehold_store::https;
use serde_json::json;

fn main() -> ExitCode {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        eprintln!("lease-manager runs on AWS Lambda, runtime provided.al2023: there is no AWS_LAMBDA_RUNTIME_API here");
        return ExitCode::FAILURE;
    }
    std::panic::set_hook(Box::new(|panic| {
        // Only where: what it says may show an event. The process ends, and Lambda starts another one.
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let line = json!({ "level": LogLevel::Error.name(), "message": format!("defect at {at}"), "service": SERVICE });
        write_line(&line.to_string());
    }));
    // One event at a time: a second thread would only cost a start.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("lease-manager could not start its runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lease-manager ends as it lost its connection to Lambda: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), lambda_runtime::Error> {
    let config = Config::read(|name| std::env::var(name).ok());
    let reporting = config.as_ref().map_or_else(|_| Reporting::default(), |config| config.reporting.clone());
    let manager = match &config {
        Ok(config) => LeaseManager::new(config, &https::loader().load().await),
        Err(misconfigured) => LeaseManager::misconfigured(misconfigured.clone()),
    };
    manager.warm_up().await;
    let (manager, reporting) = (&manager, &reporting);
    lambda_runtime::run(service_fn(|event: LambdaEvent<InvocationEvent>| async move {
        let context = event.context;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let invocation = Invocation {
            request_id: &context.request_id,
            function_name: &context.env_config.function_name,
            function_arn: &context.invoked_function_arn,
            time_left: Duration::from_millis(context.deadline).saturating_sub(now),
        };
        let handled = manager.handle(&event.payload, invocation).await;
        write_line(&handled.record.line(reporting));
        handled.answer.map_err(named)
    }))
    .await
}

fn write_line(line: &str) {
    // In one piece, so that no other output gets in between. Nobody is left to tell if it can not be written.
    let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

fn named(failed: InvocationFailure) -> Diagnostic {
    Diagnostic { error_type: failed.error_type.into(), error_message: failed.message }
}
