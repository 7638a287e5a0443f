//! The engines that serve DynamoDB's API to the tests: dynoxide in this process, ministack in its own.
#![allow(dead_code, reason = "each test starts what it needs")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use leasehold_store::{Embedded, Table, create};

/// How long ministack may take to come up; it takes about one second.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// A table in an engine of its own, in memory.
pub(crate) async fn embedded(name: &str) -> Table {
    let table = Embedded::memory().expect("the embedded engine").table(name);
    create::create(&table).await.expect("a table");
    table
}

/// A server on a free port of this machine. It ends with this value, or with this process, however that ends.
pub(crate) struct Ministack {
    child: Child,
    port: u16,
}

impl Ministack {
    /// Installs it if need be, starts it and waits until it answers.
    ///
    /// # Panics
    /// When that does not work: a test that needs it fails and says why.
    pub(crate) fn start() -> Self {
        let installed = Command::new(script()).output().expect("scripts/ministack could not be run");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let mut command = Command::new(script());
        // Its standard input is held open by this process, and its end is the server's.
        command.arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut up = Ministack { child: command.spawn().expect("scripts/ministack"), port };
        up.wait_until_healthy();
        up
    }

    /// A table there, made.
    pub(crate) async fn table(&self, name: &str) -> Table {
        let table = Table::from_builder(self.config(), name);
        create::create(&table).await.expect("a table");
        table
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a client needs to talk to it.
    pub(crate) fn config(&self) -> Builder {
        Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(self.endpoint())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
    }

    fn wait_until_healthy(&mut self) {
        let until = Instant::now() + UP_WITHIN;
        while !self.healthy() {
            if let Some(status) = self.child.try_wait().expect("its status") {
                panic!("ministack ended with {status} before it was up; try scripts/ministack {}", self.port);
            }
            assert!(Instant::now() < until, "ministack did not come up within {UP_WITHIN:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn healthy(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        let mut answer = [0; 12];
        let ask = b"GET /_ministack/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(ask).and_then(|()| stream.read_exact(&mut answer)).is_ok() && answer.ends_with(b" 200")
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let until = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/ministack")
}
