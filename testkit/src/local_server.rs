//! A server for tests in a process of its own: how is it started, waited for, spoken to as a DynamoDB, and ended?

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use leasehold_store::{Table, create_table, https};

/// How long one may take to come up; it takes one or two seconds.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// How long one may take to end once it is told to; ministack takes about three seconds where tasks wait.
const DOWN_WITHIN: Duration = Duration::from_secs(10);

/// What a script of `scripts/` serves on a free port of this machine. It ends with this value, or with this process,
/// however that ends.
#[derive(Debug)]
pub(crate) struct LocalServer {
    script: &'static str,
    child: Child,
    port: u16,
}

impl LocalServer {
    /// Has the script install what it needs, then serve.
    pub(crate) fn start(script: &'static str) -> LocalServer {
        let path = path(script);
        let installed = Command::new(&path).output().expect("a script of scripts/ could not be run");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let mut command = Command::new(&path);
        // Its standard input is held open by this process, and its end is the server's.
        command.arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        LocalServer { script, child: command.spawn().expect("a script of scripts/"), port }
    }

    /// Waits until this holds of its port.
    pub(crate) fn wait_until(&mut self, is_up: impl Fn(u16) -> bool) {
        let until = Instant::now() + UP_WITHIN;
        while !is_up(self.port) {
            if let Some(status) = self.child.try_wait().expect("its status") {
                panic!("it ended with {status} before it was up; try scripts/{} {}", self.script, self.port);
            }
            assert!(Instant::now() < until, "scripts/{} did not come up within {UP_WITHIN:?}", self.script);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a client of DynamoDB needs to talk to it.
    pub(crate) fn config(&self) -> Builder {
        Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(self.endpoint())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(https::client())
    }

    /// A table there, made.
    pub(crate) async fn table(&self, name: &str) -> Table {
        let table = Table::from_builder(self.config(), name);
        create_table(&table).await.expect("a table");
        table
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let until = Instant::now() + DOWN_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn path(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(script)
}
