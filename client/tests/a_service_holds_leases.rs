//! The example service: its requests hold leases, those that find no slot are told that it is busy, and those that are cut off
//! hold nothing. The real program, called over HTTP.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The service under way; killed with this value.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(patience_ms: &str, work_ms: &str) -> Service {
        // Cargo builds examples for its tests, and puts them beside.
        let tests = std::env::current_exe().expect("this test");
        let folder: PathBuf = tests.ancestors().nth(2).expect("the profile's folder").join("examples");
        let mut command = Command::new(folder.join("service"));
        command.env_remove("LEASEHOLD_TABLE").env("LISTEN", "127.0.0.1:0");
        command.env("PATIENCE_MS", patience_ms).env("WORK_MS", work_ms).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the example `service` (cargo test builds it)");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("its output")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://").expect("an address").to_owned();
        Service { child, address }
    }

    /// Asks for a report.
    fn ask(&self, month: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
        let host = &self.address;
        let request =
            format!("POST /reports/{month} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("asked");
        stream
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status, and all of it.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{text:?}")), text)
}

#[test]
fn requests_of_a_service_share_the_limit() {
    let service = Service::start("100", "3000");
    let months = ["2024-08", "2024-09", "2024-10", "2024-11", "2024-12"];
    let asked = months.map(|month| (month, service.ask(month)));
    let (mut served, mut turned_away) = (0, 0);
    for (month, stream) in asked {
        match answer(stream) {
            (200, text) => {
                assert!(text.contains(&format!("the report of {month}")) && text.contains("x-fence: "), "{text}");
                served += 1;
            }
            // Those two hold both slots: whoever comes now is told to come again.
            (status, text) => {
                assert_eq!(status, 503, "{text}");
                assert!(text.contains("no lease of pool reports") && text.contains("retry-after: 5"), "{text}");
                turned_away += 1;
            }
        }
    }
    assert!(served >= 2 && turned_away >= 1, "{served} served, {turned_away} turned away");
}

#[test]
fn a_request_that_is_cut_off_holds_nothing() {
    let service = Service::start("30000", "4000");
    // Much work is asked for by clients that go away: nobody waits for it.
    for _ in 0..6 {
        let gone = service.ask("2024-10");
        std::thread::sleep(Duration::from_millis(50));
        drop(gone);
    }
    let began = Instant::now();
    let (status, text) = answer(service.ask("2024-11"));
    assert_eq!(status, 200, "{text}");
    // Three rounds of two would take twelve seconds before it.
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}
