//! Requests at a fixed rate, whatever becomes of the ones before: `open_model PORT RATE SECONDS CONNECTIONS FILE`.
//!
//! Each keep-alive connection has its own schedule, evenly between those of the others. A latency counts from the time at which its request was due,
//! so that a stall costs all that were due meanwhile (no coordinated omission). FILE has a token a line. Prints one line of JSON, in microseconds.
//!
//! The standard library only: `rustc -O open_model.rs`.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Later than this the generator itself was too slow, or the answer before came late.
const LATE: Duration = Duration::from_millis(1);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, rate, seconds, connections, file] = arguments.as_slice() else {
        return Err("open_model PORT RATE SECONDS CONNECTIONS FILE".into());
    };
    let (port, rate): (u16, f64) = (port.parse()?, rate.parse()?);
    let (seconds, connections): (f64, u32) = (seconds.parse()?, connections.parse()?);
    let tokens = std::fs::read_to_string(file)?;
    let requests: Vec<Vec<u8>> = tokens.lines().map(|token| request(port, token)).collect();
    // Sleeps end when they should, not up to 50 us later; threads inherit it.
    let _as_exact_as_allowed = std::fs::write("/proc/self/timerslack_ns", "1000");

    let pause = Duration::from_secs_f64(f64::from(connections) / rate);
    let begin = Instant::now() + Duration::from_millis(200);
    let end = begin + Duration::from_secs_f64(seconds);
    let mut latencies = Vec::new();
    let mut late = 0;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..connections)
            .map(|number| {
                let (requests, first) = (&requests, begin + pause * number / connections);
                scope.spawn(move || client(port, requests, number as usize, first, pause, end))
            })
            .collect();
        for client in clients {
            let (took, sent_late) = client.join().map_err(|_| "a client is gone")??;
            latencies.extend(took);
            late += sent_late;
        }
        Ok::<(), Failure>(())
    })?;
    latencies.sort_unstable();
    let at =
        |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!(
        "{{\"requests\":{},\"late\":{late},\"p50\":{:.1},\"p99\":{:.1},\"max\":{:.1}}}",
        latencies.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}

fn client(
    port: u16,
    requests: &[Vec<u8>],
    number: usize,
    first: Instant,
    pause: Duration,
    end: Instant,
) -> Result<(Vec<Duration>, usize), Failure> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut buffer = vec![0; 16 * 1024];
    let (mut latencies, mut late, mut due) = (Vec::new(), 0, first);
    for request in requests.iter().cycle().skip(number) {
        if due >= end {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if due.elapsed() > LATE {
            late += 1;
        }
        connection.write_all(request)?;
        answer(&mut connection, &mut buffer)?;
        latencies.push(due.elapsed());
        due += pause;
    }
    Ok((latencies, late))
}

fn request(port: u16, token: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

/// Reads one whole answer, which must be a 200 with a length.
fn answer(connection: &mut TcpStream, buffer: &mut [u8]) -> Result<(), Failure> {
    let mut filled = 0;
    loop {
        let read = connection.read(&mut buffer[filled..])?;
        if read == 0 {
            return Err("closed in an answer".into());
        }
        filled += read;
        let text = &buffer[..filled];
        let Some(head) = text.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let lines = std::str::from_utf8(&text[..head])?.to_ascii_lowercase();
        if !lines.starts_with("http/1.1 200") {
            return Err(lines.into());
        }
        let length = lines
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.ok_or("an answer without a length")?.trim().parse()?;
        if filled >= head + 4 + length {
            return Ok(());
        }
    }
}
