//! Probes which program listens on a port, with a minimal HTTP request.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long an answer may take. The emulator answers within milliseconds unless the machine is overloaded.
const LIMIT: Duration = Duration::from_secs(5);
/// More than any health answer has. Bytes.
const LONGEST: u64 = 256 << 10;

/// The program that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Probe {
    /// No program.
    Nothing,
    /// MiniStack of this version.
    MiniStack {
        /// As it names itself.
        version: String,
    },
    /// A program that does not respond.
    Silent,
    /// Another program.
    Other,
}

/// Asks the port on 127.0.0.1.
pub(super) async fn probe(port: u16) -> Probe {
    let Ok(Ok(stream)) = tokio::time::timeout(LIMIT, TcpStream::connect(("127.0.0.1", port))).await else {
        return Probe::Nothing;
    };
    match tokio::time::timeout(LIMIT, ask(stream, port)).await {
        Err(_) => Probe::Silent,
        Ok(Err(_)) => Probe::Other,
        Ok(Ok(answer)) => version(&answer).map_or(Probe::Other, |version| Probe::MiniStack { version }),
    }
}

async fn ask(mut stream: TcpStream, port: u16) -> std::io::Result<Vec<u8>> {
    // HTTP/1.0: the answer comes in one piece and ends with the connection.
    let request = format!("GET /_ministack/health HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The version in MiniStack's answer; `None` for an answer of anybody else.
fn version(answer: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Health {
        version: String,
        #[serde(rename = "services")]
        _services: std::collections::BTreeMap<String, String>,
    }
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.lines().next()?.split(' ').nth(1)?;
    if status != "200" {
        return None;
    }
    serde_json::from_str::<Health>(body).ok().map(|health| health.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_emulator_s_answer_has_a_version() {
        let ok = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"services\":{\"s3\":\"available\"},\"version\":\"1.5.33\",\"auth\":\"enabled\"}";
        assert_eq!(version(ok).as_deref(), Some("1.5.33"));
        for other in [
            "",
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/1.1 404 Not Found\r\n\r\n{\"services\":{},\"version\":\"1\"}",
            "HTTP/1.1 200 OK\r\n\r\n<html>",
            "HTTP/1.1 200 OK\r\n\r\n{\"version\":\"3\"}",
        ] {
            assert_eq!(version(other.as_bytes()), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_port_without_listener_differs_from_one_of_another_program() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello").await.unwrap();
        });
        assert_eq!(probe(port).await, Probe::Other);
        server.await.unwrap();

        // Bound and not listening: no other test gets this port meanwhile.
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_eq!(probe(silent.local_addr().unwrap().port()).await, Probe::Nothing);
    }
}
