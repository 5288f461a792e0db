//! The client against a broker by others: mosquitto, where it is installed.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_crowd::client::Endpoint;

use crate::exchange::exchange;
use crate::support::PATIENCE;

const PROGRAMS: [&str; 2] = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];

struct Mosquitto(Child);

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[tokio::test]
#[allow(clippy::print_stderr)] // Who reads the tests' output must know that this one did nothing.
async fn mosquitto_is_spoken_to_over_both_transports() {
    let Some(program) = PROGRAMS.into_iter().find(|program| Path::new(program).exists()) else {
        eprintln!("mosquitto is not installed: nothing was tested");
        return;
    };
    let (tcp, websocket) = (free_port(), free_port());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mosquitto.conf");
    let lines = format!(
        "allow_anonymous true\nmax_queued_messages 0\nlistener {tcp} 127.0.0.1\nlistener {websocket} 127.0.0.1\n\
         protocol websockets\n"
    );
    std::fs::write(&file, lines).unwrap();
    let mut command = Command::new(program);
    command
        .arg("-c")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _mosquitto = Mosquitto(command.spawn().unwrap());
    let deadline = Instant::now() + PATIENCE;
    for port in [tcp, websocket] {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < deadline, "mosquitto does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let tcp = Endpoint::resolve(&format!("mqtt://127.0.0.1:{tcp}"))
        .await
        .unwrap();
    let websocket = Endpoint::resolve(&format!("ws://127.0.0.1:{websocket}/mqtt"))
        .await
        .unwrap();
    exchange(&tcp, &tcp, 2_000).await;
    exchange(&websocket, &tcp, 2_000).await;
    exchange(&websocket, &websocket, 2_000).await;
}
