//! A faulty proxy: what do callers do when the network between them and a service delays, loses, cuts, repeats and stalls
//! what they send? A proxy on a port of its own that passes HTTP on and does each of these at random, from a seed.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::http_front::http_date;
use crate::http_message::HttpMessage;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkFault {
    /// It arrives late.
    DelayRequest,
    /// Its reply arrives late.
    DelayReply,
    /// It never arrives: the connection breaks.
    DropRequest,
    /// It arrives, and the connection breaks before the reply.
    DropReply,
    /// The connection breaks in the middle of the request.
    CutRequest,
    /// The connection breaks in the middle of the reply.
    CutReply,
    /// It arrives twice, the second copy perhaps seconds later.
    Duplicate,
    /// It arrives so late that whoever sent it may have given up.
    Stall,
}

impl NetworkFault {
    /// All there are.
    pub const ALL: [NetworkFault; 8] = [
        NetworkFault::DelayRequest,
        NetworkFault::DelayReply,
        NetworkFault::DropRequest,
        NetworkFault::DropReply,
        NetworkFault::CutRequest,
        NetworkFault::CutReply,
        NetworkFault::Duplicate,
        NetworkFault::Stall,
    ];
}

/// How long a delay is at most.
const DELAY: Duration = Duration::from_millis(300);

/// How late the second copy of a request arrives at most.
const SECOND_COPY: Duration = Duration::from_secs(3);

/// How long a request is stalled: at most longer than any client of the project waits for an answer.
const STALL: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(6_500));

/// A proxy. Clones are the same one; it ends with the runtime that it was started on.
#[derive(Clone, Debug)]
pub struct FaultyProxy(Arc<Proxy>);

#[derive(Debug)]
struct Proxy {
    at: SocketAddr,
    to: SocketAddr,
    seed: u64,
    /// Of a thousand requests so many meet with a fault.
    per_thousand: u64,
    /// Every request meets with this one.
    always: Mutex<Option<NetworkFault>>,
    counts: Mutex<ProxyCounts>,
    calm: AtomicBool,
}

/// What a proxy has seen and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyCounts {
    /// Connections that were opened to it.
    pub connections: u64,
    /// Requests that came.
    pub requests: u64,
    /// How many of them met with which fault.
    pub faults: BTreeMap<NetworkFault, u64>,
}

impl FaultyProxy {
    /// One before the service at this address, that harms so many of a thousand requests.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(to: SocketAddr, seed: u64, per_thousand: u64) -> io::Result<FaultyProxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let proxy = Arc::new(Proxy {
            at: listener.local_addr()?,
            to,
            seed,
            per_thousand,
            always: Mutex::default(),
            counts: Mutex::default(),
            calm: AtomicBool::new(false),
        });
        let this = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let proxy = Arc::clone(&proxy);
                // What broke is what a client is to live with.
                tokio::spawn(async move { drop(proxy.pass_on(stream).await) });
            }
        });
        Ok(FaultyProxy(this))
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.0.at)
    }

    /// From now on it only passes on what comes.
    pub fn calm(&self) {
        self.0.calm.store(true, Ordering::Relaxed);
    }

    /// Has every request meet with this fault from now on; or, with none, with those that are drawn.
    pub fn always(&self, fault: Option<NetworkFault>) {
        *self.0.always.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// What it has seen and done so far.
    pub fn counts(&self) -> ProxyCounts {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Proxy {
    async fn pass_on(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let number = self.count(|counts| {
            counts.connections += 1;
            counts.connections
        });
        let mut draws = FaultDraws::new(self.seed, number);
        let mut client = BufReader::new(client);
        let mut server = None;
        while let Some(request) = HttpMessage::request(&mut client).await? {
            let fault = self.fault(&mut draws);
            self.count(|counts| {
                counts.requests += 1;
                if let Some(fault) = fault {
                    *counts.faults.entry(fault).or_default() += 1;
                }
            });
            match fault {
                Some(NetworkFault::DelayRequest) => sleep(draws.within(Duration::ZERO, DELAY)).await,
                Some(NetworkFault::Stall) => sleep(draws.within(STALL.0, STALL.1)).await,
                Some(NetworkFault::DropRequest) => return Ok(()),
                Some(NetworkFault::CutRequest) => {
                    let mut server = TcpStream::connect(self.to).await?;
                    return server.write_all(&request.wire[..request.wire.len() / 2]).await;
                }
                Some(NetworkFault::Duplicate) => {
                    let (to, copy) = (self.to, request.clone());
                    let after = draws.within(Duration::ZERO, SECOND_COPY);
                    tokio::spawn(async move {
                        sleep(after).await;
                        exchange(&mut None, to, &copy).await
                    });
                }
                _ => {}
            }
            let reply = exchange(&mut server, self.to, &request).await?;
            let closes = reply.header("connection").is_some_and(|what| what.eq_ignore_ascii_case("close"));
            match fault {
                Some(NetworkFault::DelayReply) => sleep(draws.within(Duration::ZERO, DELAY)).await,
                Some(NetworkFault::DropReply) => return Ok(()),
                Some(NetworkFault::CutReply) => {
                    return client.get_mut().write_all(&reply.wire[..reply.wire.len() / 2]).await;
                }
                _ => {}
            }
            client.get_mut().write_all(&reply.wire).await?;
            if closes {
                return Ok(());
            }
        }
        Ok(())
    }

    fn fault(&self, draws: &mut FaultDraws) -> Option<NetworkFault> {
        let drawn = draws.fault(self.per_thousand);
        if self.calm.load(Ordering::Relaxed) {
            return None;
        }
        self.always.lock().unwrap_or_else(PoisonError::into_inner).or(drawn)
    }

    fn count<T>(&self, count: impl FnOnce(&mut ProxyCounts) -> T) -> T {
        count(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Sends a request to the server, on the connection there is or on a new one, and reads its reply. Dated, as DynamoDB's
/// are, where the engine does not date it.
async fn exchange(
    server: &mut Option<BufReader<TcpStream>>,
    to: SocketAddr,
    request: &HttpMessage,
) -> io::Result<HttpMessage> {
    let mut stream = match server.take() {
        Some(stream) => stream,
        None => BufReader::new(TcpStream::connect(to).await?),
    };
    stream.get_ref().set_nodelay(true)?;
    stream.get_mut().write_all(&request.wire).await?;
    let reply = HttpMessage::reply(&mut stream).await?;
    if reply.header("connection").is_none_or(|what| !what.eq_ignore_ascii_case("close")) {
        *server = Some(stream);
    }
    Ok(if reply.header("date").is_none() { reply.with_header("Date", &http_date()) } else { reply })
}

/// What happens on one connection, drawn from the proxy's seed and the connection's number.
struct FaultDraws(Rng);

impl FaultDraws {
    fn new(seed: u64, connection: u64) -> FaultDraws {
        // Weyl's sequence: two numbers that follow one another give seeds far apart.
        FaultDraws(Rng::with_seed(seed ^ connection.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    fn fault(&mut self, per_thousand: u64) -> Option<NetworkFault> {
        let which = self.0.usize(..NetworkFault::ALL.len());
        (self.0.u64(..1_000) < per_thousand).then_some(NetworkFault::ALL[which])
    }

    fn within(&mut self, from: Duration, to: Duration) -> Duration {
        from + (to - from).mul_f64(self.0.f64())
    }
}
