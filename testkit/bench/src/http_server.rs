//! A small HTTP server: who answers a process that only speaks HTTP? One that is quick, so that what is measured is what
//! stands behind it. Requests with a length, answers with a length, connections that stay open; nothing else.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::BenchError;

/// A request as it came.
#[derive(Debug)]
pub(crate) struct HttpAsked {
    /// `GET` or `POST`.
    pub(crate) method: String,
    /// Its path.
    pub(crate) path: String,
    /// What is in `x-amz-target`, if it is there.
    pub(crate) target: String,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct HttpSaid {
    /// Its status.
    pub(crate) status: u16,
    /// Headers besides the length.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

impl HttpSaid {
    /// With a body of JSON, as AWS's services answer.
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> HttpSaid {
        let headers = vec![("Content-Type", "application/x-amz-json-1.0".to_owned())];
        HttpSaid { status, headers, body: body.into() }
    }
}

/// What answers.
pub(crate) trait Answers: Send + Sync + 'static {
    /// The answer to one request.
    fn answer(&self, asked: HttpAsked) -> impl Future<Output = HttpSaid> + Send;
}

/// A server on a free port of this machine. It ends when dropped.
#[derive(Debug)]
pub(crate) struct HttpServer {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl HttpServer {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no free port.
    pub(crate) async fn start(answers: Arc<impl Answers>) -> Result<HttpServer, BenchError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    // A client that goes away is no failure.
                    let _ = serve(stream, &*answers).await;
                });
            }
        });
        Ok(HttpServer { address, accepting })
    }

    /// Where it is, without a scheme.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, answers: &impl Answers) -> Result<(), BenchError> {
    stream.set_nodelay(true)?;
    let mut read = Vec::with_capacity(8_192);
    loop {
        let Some(asked) = next(&mut stream, &mut read).await? else { return Ok(()) };
        let said = answers.answer(asked).await;
        let mut bytes = format!("HTTP/1.1 {} -\r\nContent-Length: {}\r\n", said.status, said.body.len()).into_bytes();
        for (name, value) in &said.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&said.body);
        stream.write_all(&bytes).await?;
    }
}

/// The next request of a connection; none: the other side has closed it.
async fn next(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<Option<HttpAsked>, BenchError> {
    loop {
        if let Some((mut asked, head, length)) = head(read)? {
            while read.len() < head + length {
                if stream.read_buf(read).await? == 0 {
                    return Ok(None);
                }
            }
            asked.body = read[head..head + length].to_vec();
            read.drain(..head + length);
            return Ok(Some(asked));
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}

/// A request without its body, how long its head is, and how long its body; none: there is more of the head to come.
fn head(read: &[u8]) -> Result<Option<(HttpAsked, usize, usize)>, BenchError> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = parsed.parse(read)? else { return Ok(None) };
    let value = |name: &str| {
        let found = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value).into_owned()).unwrap_or_default()
    };
    let (method, path) = (parsed.method.unwrap_or_default().to_owned(), parsed.path.unwrap_or_default().to_owned());
    let length = value("content-length");
    let length = if length.is_empty() { 0 } else { length.parse()? };
    Ok(Some((HttpAsked { method, path, target: value("x-amz-target"), body: Vec::new() }, head, length)))
}
