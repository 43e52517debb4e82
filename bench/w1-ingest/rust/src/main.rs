//! The ingest server as a tokio program, in two forms.
//!
//! `ingest lines [PORT]`: a String for each line, from tokio_util's LinesCodec.
//! `ingest scan [PORT]`: one buffer for each connection and memchr, nothing made for a line.
//!
//! The runtime has one thread, as the other servers do: with several, tokio's work stealing costs more for each line.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::{FramedRead, LinesCodec};

const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Default)]
struct Counts {
    frames: u64,
    sum: u64,
}

#[derive(Default)]
struct Tally {
    open: usize,
    connections: u64,
    total: Counts,
}

impl Tally {
    /// Prints the totals since the start whenever the last open connection has ended.
    fn closed(&mut self, counts: Counts) {
        self.total.frames += counts.frames;
        self.total.sum += counts.sum;
        self.connections += 1;
        self.open -= 1;
        if self.open == 0 {
            let Counts { frames, sum } = self.total;
            println!(
                "{{\"connections\":{},\"frames\":{frames},\"sum\":{sum}}}",
                self.connections
            );
        }
    }
}

async fn lines(stream: TcpStream) -> Counts {
    let mut counts = Counts::default();
    let mut frames = FramedRead::with_capacity(stream, LinesCodec::new(), BUFFER_BYTES);
    while let Some(Ok(line)) = frames.next().await {
        counts.frames += 1;
        counts.sum += u64::from(line.as_bytes()[0]);
    }
    counts
}

async fn scan(mut stream: TcpStream) -> Counts {
    let mut counts = Counts::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut inside = false; // the last read ended inside a line, whose first byte is counted already
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &buffer[..n]) {
            if !inside {
                counts.sum += u64::from(buffer[start]);
            }
            inside = false;
            counts.frames += 1;
            start = end + 1;
        }
        if start < n && !inside {
            counts.sum += u64::from(buffer[start]);
            inside = true;
        }
    }
    counts
}

async fn serve(mode: &str, port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening {}", listener.local_addr()?.port());
    let tally = Arc::new(Mutex::new(Tally::default()));
    let scanning = mode == "scan";
    loop {
        let (stream, _) = listener.accept().await?;
        let tally = tally.clone();
        tally.lock().unwrap().open += 1;
        tokio::spawn(async move {
            let counts = if scanning {
                scan(stream).await
            } else {
                lines(stream).await
            };
            tally.lock().unwrap().closed(counts);
        });
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap_or_else(|| "lines".into());
    assert!(mode == "lines" || mode == "scan", "no such mode: {mode}");
    let port = args.next().map_or(0, |port| port.parse().expect("a port"));
    serve(&mode, port).await
}
