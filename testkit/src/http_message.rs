//! HTTP messages on the wire: where does one end, and what is in it? As much of HTTP/1.1 as the SDK, Lambda's runtime and
//! the local engines speak: bodies by their length, in chunks, or up to the end of the connection.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The longest body that is read, in bytes: more than any service of AWS takes.
const LONGEST_BODY: usize = 16 << 20;

/// A request or a reply, as it came.
#[derive(Clone, Debug, Default)]
pub struct HttpMessage {
    /// Its first line, and its headers, each with its end.
    pub head: String,
    /// Its body, without what frames it.
    pub body: Vec<u8>,
    /// All of it, byte by byte.
    pub wire: Vec<u8>,
}

impl HttpMessage {
    /// The next request on a connection; none if it ended before one began.
    ///
    /// # Errors
    /// When the connection broke, or what came is no request.
    pub async fn request(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<HttpMessage>> {
        HttpMessage::read(stream, false).await
    }

    /// The reply to a request.
    ///
    /// # Errors
    /// When the connection broke or ended, or what came is no reply.
    pub async fn reply(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<HttpMessage> {
        HttpMessage::read(stream, true).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// A message of this first line, these headers and this body.
    pub fn new(first_line: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> HttpMessage {
        let body = body.into();
        let mut head = format!("{first_line}\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let wire = [head.as_bytes(), &body].concat();
        HttpMessage { head, body, wire }
    }

    /// A reply of this status, whose body is JSON.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> HttpMessage {
        HttpMessage::new(&format!("HTTP/1.1 {status} -"), &[("Content-Type", "application/json")], body)
    }

    /// The header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// What a request asks for: its method and its path.
    pub fn asks(&self) -> (&str, &str) {
        let mut words = self.head.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// The status of a reply; 0 if it has none.
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// The same with one header more.
    pub fn with_header(mut self, name: &str, value: &str) -> HttpMessage {
        let old = self.head.len();
        let first = self.head.find("\r\n").map_or(old, |at| at + 2);
        self.head.insert_str(first, &format!("{name}: {value}\r\n"));
        self.wire.splice(..old, self.head.bytes());
        self
    }

    async fn read(stream: &mut (impl AsyncBufRead + Unpin), is_reply: bool) -> io::Result<Option<HttpMessage>> {
        let mut message = HttpMessage::default();
        loop {
            let before = message.head.len();
            if stream.read_line(&mut message.head).await? == 0 {
                return if before == 0 { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            if &message.head[before..] == "\r\n" {
                break;
            }
        }
        message.wire.extend(message.head.as_bytes());
        let empty = is_reply && matches!(message.status(), 100..200 | 204 | 304);
        if message.header("transfer-encoding").is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked")) {
            message.chunks(stream).await?;
        } else if let Some(length) = message.header("content-length") {
            let length: usize = length.parse().map_err(|_| io::ErrorKind::InvalidData)?;
            message.part(stream, length).await?;
            message.body = message.wire[message.head.len()..].to_vec();
        } else if is_reply && !empty {
            stream.read_to_end(&mut message.body).await?;
            message.wire.extend(&message.body);
        }
        Ok(Some(message))
    }

    async fn chunks(&mut self, stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            self.wire.extend(line.as_bytes());
            let length = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(length, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            let begin = self.wire.len();
            self.part(stream, length + 2).await?;
            self.body.extend(&self.wire[begin..begin + length]);
            if length == 0 {
                return Ok(());
            }
        }
    }

    async fn part(&mut self, stream: &mut (impl AsyncBufRead + Unpin), length: usize) -> io::Result<()> {
        if self.wire.len() + length > LONGEST_BODY {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let begin = self.wire.len();
        self.wire.resize(begin + length, 0);
        stream.read_exact(&mut self.wire[begin..]).await?;
        Ok(())
    }
}
