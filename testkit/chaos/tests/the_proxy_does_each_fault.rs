//! The faulty proxy does what each fault says, and nothing once it is calm: so that what chaos counts has happened.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::io;
use std::sync::{Arc, Mutex};

use leasehold_testkit::{FaultyProxy, HttpMessage, NetworkFault};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// A server that answers every request with 1,000 letters, and keeps what came.
async fn server() -> (std::net::SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (at, came) = (listener.local_addr().expect("its number"), Arc::<Mutex<Vec<Vec<u8>>>>::default());
    let keeps = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let came = Arc::clone(&keeps);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                while let Some(request) = HttpMessage::request(&mut stream).await? {
                    came.lock().expect("not poisoned").push(request.body);
                    stream.get_mut().write_all(&HttpMessage::json(200, "a".repeat(1_000)).wire).await?;
                }
                io::Result::Ok(())
            });
        }
    });
    (at, came)
}

async fn ask(proxy: &FaultyProxy) -> io::Result<HttpMessage> {
    let mut stream = BufReader::new(TcpStream::connect(proxy.endpoint().trim_start_matches("http://")).await?);
    stream.get_mut().write_all(&HttpMessage::new("POST / HTTP/1.1", &[], "asked").wire).await?;
    HttpMessage::reply(&mut stream).await
}

/// What one request comes to under a fault: whether it was answered, and how often it arrived.
async fn under(fault: Option<NetworkFault>) -> (bool, usize) {
    let (at, came) = server().await;
    let proxy = FaultyProxy::start(at, 1, 0).await.expect("a proxy");
    proxy.always(fault);
    let answered = match ask(&proxy).await {
        Ok(reply) => {
            assert_eq!((reply.status(), reply.body.len()), (200, 1_000), "{fault:?}");
            assert!(reply.header("date").is_some_and(|date| date.ends_with(" GMT")), "a reply is dated");
            true
        }
        Err(_) => false,
    };
    let arrived = || came.lock().expect("not poisoned").len();
    let wanted = if fault == Some(NetworkFault::Duplicate) { 2 } else { arrived() };
    let until = Instant::now() + std::time::Duration::from_secs(60);
    while arrived() < wanted && Instant::now() < until {
        tokio::task::yield_now().await;
    }
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.requests), (1, 1));
    assert_eq!(counts.faults, fault.map(|fault| (fault, 1)).into_iter().collect());
    (answered, arrived())
}

#[tokio::test]
async fn each_fault_does_what_it_says() {
    for (fault, answered, arrives) in [
        (None, true, 1),
        (Some(NetworkFault::DelayRequest), true, 1),
        (Some(NetworkFault::DelayReply), true, 1),
        (Some(NetworkFault::DropRequest), false, 0),
        (Some(NetworkFault::DropReply), false, 1),
        (Some(NetworkFault::CutRequest), false, 0),
        (Some(NetworkFault::CutReply), false, 1),
        (Some(NetworkFault::Duplicate), true, 2),
        (Some(NetworkFault::Stall), true, 1),
    ] {
        assert_eq!(under(fault).await, (answered, arrives), "{fault:?}");
    }
}

#[tokio::test]
async fn a_calm_proxy_only_passes_on() {
    let (at, came) = server().await;
    let proxy = FaultyProxy::start(at, 1, 1_000).await.expect("a proxy");
    proxy.always(Some(NetworkFault::DropRequest));
    assert!(ask(&proxy).await.is_err());
    proxy.calm();
    for _ in 0..20 {
        assert!(ask(&proxy).await.is_ok());
    }
    assert_eq!(came.lock().expect("not poisoned").len(), 20);
}
