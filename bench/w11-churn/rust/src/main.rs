//! The server of W11 on tokio: a task a connection, the first byte of a line is its answer.
//!
//! `churn [PORT]`. The runtime has one thread, as the other servers have.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BUFFER_BYTES: usize = 512; // lines are short, and a connection has one

#[derive(Default)]
struct Tally {
    open: u64,
    connections: u64,
    frames: u64,
    sum: u64,
}

impl Tally {
    /// Prints the totals since the start whenever the last open connection has ended.
    fn closed(&mut self, frames: u64, sum: u64) {
        self.frames += frames;
        self.sum += sum;
        self.connections += 1;
        self.open -= 1;
        if self.open == 0 {
            println!(
                "{{\"connections\":{},\"frames\":{},\"sum\":{}}}",
                self.connections, self.frames, self.sum
            );
        }
    }
}

async fn serve(mut stream: TcpStream) -> (u64, u64) {
    let (mut frames, mut sum) = (0, 0);
    let mut buffer = [0; BUFFER_BYTES];
    let mut first = None; // of a line that has begun
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &buffer[..n]) {
            let byte = first.take().unwrap_or(buffer[start]);
            frames += 1;
            sum += u64::from(byte);
            if stream.write_all(&[byte, b'\n']).await.is_err() {
                return (frames, sum);
            }
            start = end + 1;
        }
        if start < n && first.is_none() {
            first = Some(buffer[start]);
        }
    }
    (frames, sum)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port: u16 = std::env::args().nth(1).map_or(0, |port| port.parse().expect("a port"));
    tokio::task::LocalSet::new()
        .run_until(async move {
            let listener = TcpListener::bind(("127.0.0.1", port)).await?;
            println!("listening {}", listener.local_addr()?.port());
            let tally = Rc::new(RefCell::new(Tally::default()));
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tally.borrow_mut().open += 1;
                let tally = tally.clone();
                tokio::task::spawn_local(async move {
                    let (frames, sum) = serve(stream).await;
                    tally.borrow_mut().closed(frames, sum);
                });
            }
        })
        .await
}
