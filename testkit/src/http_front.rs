//! An HTTP front: how do other processes reach what answers inside this one? The embedded engine and the fake Step
//! Functions, each on a port of this machine, with dated replies as AWS's own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::http_message::HttpMessage;

/// Serves it on a free port for as long as this runtime lives: where.
///
/// # Errors
/// When there is no free port.
pub async fn serve_over_http(connector: impl HttpConnector + 'static) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let at = listener.local_addr()?;
    let connector = Arc::new(connector);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connector = Arc::clone(&connector);
            tokio::spawn(async move { serve(stream, &*connector).await });
        }
    });
    Ok(at)
}

/// The date as a reply of AWS has it: whole seconds.
pub(crate) fn http_date() -> String {
    let date = DateTime::from(SystemTime::now()).fmt(Format::HttpDate).unwrap_or_default();
    date.split_once('.').map_or(date.clone(), |(seconds, _)| format!("{seconds} GMT"))
}

async fn serve(stream: TcpStream, connector: &impl HttpConnector) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(message) = HttpMessage::request(&mut stream).await? {
        let mut request = HttpRequest::new(SdkBody::from(message.body.clone()));
        if let Some(target) = message.header("x-amz-target") {
            request.headers_mut().insert("x-amz-target", target.to_owned());
        }
        // A connection that breaks, where that is what it answers.
        let reply = connector.call(request).await.map_err(io::Error::other)?;
        let body = reply.body().bytes().unwrap_or_default();
        let first = format!("HTTP/1.1 {} -", reply.status().as_u16());
        let headers = [("Content-Type", "application/x-amz-json-1.0"), ("Date", &http_date())];
        stream.get_mut().write_all(&HttpMessage::new(&first, &headers, body).wire).await?;
    }
    Ok(())
}
