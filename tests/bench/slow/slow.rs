//! Connections that hold a place and ask for nothing: as many as wanted at any time, each replaced when the gate ends it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

/// Between two bytes of a head that never ends.
const DRIP: Duration = Duration::from_secs(1);
/// All of a population connect within this time: a flood, not a wall.
const ARRIVAL: Duration = Duration::from_secs(4);

#[derive(Clone, Copy)]
pub enum Manner {
    /// Connects, and says nothing.
    Silent,
    /// A byte of a head a second.
    Dripping,
}

/// What became of the connections.
#[derive(Clone, Copy, Default)]
pub struct Population {
    pub opened: usize,
    /// By the gate.
    pub ended: usize,
    /// The longest that one was left open.
    pub oldest: Duration,
}

impl Population {
    /// Holds `each` connections of every manner until it is over.
    pub fn run(port: u16, manners: &[Manner], each: usize, over: &AtomicBool) -> Self {
        let told = Rc::<RefCell<Self>>::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let all = LocalSet::new();
        for manner in manners {
            for number in 0..each {
                let told = Rc::clone(&told);
                let wait = ARRIVAL * u32::try_from(number).unwrap() / u32::try_from(each).unwrap();
                all.spawn_local(hold(port, *manner, wait, told));
            }
        }
        all.block_on(&runtime, async {
            while !over.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(50)).await;
            }
        });
        *told.borrow()
    }
}

/// One place, held again and again.
async fn hold(port: u16, manner: Manner, wait: Duration, told: Rc<RefCell<Population>>) {
    sleep(wait).await;
    loop {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        told.borrow_mut().opened += 1;
        let began = Instant::now();
        until_closed(&mut stream, manner).await;
        let mut told = told.borrow_mut();
        told.ended += 1;
        told.oldest = told.oldest.max(began.elapsed());
    }
}

async fn until_closed(stream: &mut TcpStream, manner: Manner) {
    let mut byte = [0; 256];
    match manner {
        Manner::Silent => while stream.read(&mut byte).await.is_ok_and(|read| read > 0) {},
        Manner::Dripping => {
            let mut head = b"GET / HTTP/1.1\r\nX-"
                .iter()
                .chain(std::iter::repeat(&b'a'));
            loop {
                match timeout(DRIP, stream.read(&mut byte)).await {
                    Ok(Ok(read)) if read > 0 => {}
                    Ok(_) => return,
                    Err(_) => {
                        let next = *head.next().unwrap_or(&b'a');
                        if stream.write_all(&[next]).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    }
}
