//! The callers' end of the world: how do they get their jobs, invoke the lease manager and wait for their tasks? One
//! request at a time, over one connection.

use std::io;
use std::net::SocketAddr;

use leasehold_testkit::HttpMessage;
use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection to the world.
#[derive(Debug)]
pub(crate) struct WorldClient(BufReader<TcpStream>);

impl WorldClient {
    pub(crate) async fn connect(world: SocketAddr) -> io::Result<WorldClient> {
        let stream = TcpStream::connect(world).await?;
        stream.set_nodelay(true)?;
        Ok(WorldClient(BufReader::new(stream)))
    }

    /// What the world answers to this.
    pub(crate) async fn ask(&mut self, path: &str, body: &Value) -> io::Result<Value> {
        let request = HttpMessage::new(&format!("POST {path} HTTP/1.1"), &[("Host", "world")], body.to_string());
        self.0.get_mut().write_all(&request.wire).await?;
        let reply = HttpMessage::reply(&mut self.0).await?;
        Ok(serde_json::from_slice(&reply.body)?)
    }
}
