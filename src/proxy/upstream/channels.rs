//! One worker's connections to the application, of either kind: those of HTTP/1.1 carry one request at a time, those of HTTP/2 are shared.
//! Which kind there is, is decided here and nowhere else.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::connect::connect;
use super::multiplexed::{IDLE_TIMEOUT, Lease, Multiplexed};
use super::pool::{self, Connection, Pool};
use crate::proxy::{Protocol, Transport, UpstreamSettings};

/// Most shared connections that one worker opens; beyond, requests wait for room on the ones that there are. At 100 requests each they carry a
/// worker's half of 10,000 clients.
const MAX_SHARED: usize = 64;

/// Where one request can be sent.
pub(in crate::proxy) enum Channel {
    Exclusive(Connection),
    Shared(Lease),
}

pub(in crate::proxy) struct Channels {
    pool: Pool,
    /// Of connections that carry one request at a time, all workers together. Those that are shared are few.
    places: Arc<Semaphore>,
    shared: RefCell<Vec<Rc<Multiplexed>>>,
    /// How long a shared connection is kept without requests.
    shared_idle: Duration,
    /// What the application chose last, where it has the choice.
    chose_http1: Cell<bool>,
    /// One opening of a shared connection, which many requests wait for.
    opening: RefCell<Option<watch::Receiver<Option<Opened>>>>,
}

/// What came of an opening.
#[derive(Clone)]
enum Opened {
    Shared(Rc<Multiplexed>),
    /// The application chose HTTP/1.1: for the first that looks.
    Exclusive(Rc<Cell<Option<Connection>>>),
    Failed(Rc<str>),
}

impl Channels {
    pub(in crate::proxy) fn new(settings: &UpstreamSettings, places: Arc<Semaphore>) -> Rc<Self> {
        let idle = settings.pool_idle_timeout;
        Rc::new(Self {
            pool: Pool::new(idle),
            places,
            shared: RefCell::default(),
            shared_idle: if idle.is_zero() { idle } else { IDLE_TIMEOUT },
            chose_http1: Cell::new(false),
            opening: RefCell::default(),
        })
    }

    /// A connection that there is already. The application may have closed it without our knowing.
    pub(in crate::proxy) fn take(&self, now: Instant) -> Option<Channel> {
        self.lease()
            .map(Channel::Shared)
            .or_else(|| self.pool.take(now).map(Channel::Exclusive))
    }

    /// Back, when the answer has ended.
    pub(in crate::proxy) fn put(&self, channel: Channel) {
        match channel {
            Channel::Exclusive(connection) => self.pool.put(connection),
            Channel::Shared(_) => {}
        }
    }

    /// A new connection, or room on one that others have opened meanwhile.
    ///
    /// # Errors
    /// Why not, for the log.
    pub(in crate::proxy) async fn open(
        self: &Rc<Self>,
        settings: &UpstreamSettings,
    ) -> Result<Channel, String> {
        if self.expects_http1(settings) {
            return Ok(match self.opened(settings).await? {
                Opened::Exclusive(connection) => match connection.take() {
                    Some(connection) => Channel::Exclusive(connection),
                    None => return Err("a connection was lost".to_owned()),
                },
                Opened::Shared(connection) => Channel::Shared(Lease::of(&connection)),
                Opened::Failed(why) => return Err(why.to_string()),
            });
        }
        let mut newest = None;
        for _ in 0..MAX_SHARED {
            if let Some(lease) = self.lease() {
                return Ok(Channel::Shared(lease));
            }
            match self.open_together(settings).await {
                Opened::Shared(connection) if connection.has_room() => {
                    return Ok(Channel::Shared(Lease::of(&connection)));
                }
                // Others were faster.
                Opened::Shared(connection) => newest = Some(connection),
                Opened::Exclusive(connection) => match connection.take() {
                    Some(connection) => return Ok(Channel::Exclusive(connection)),
                    None => {
                        return self
                            .exclusive(settings, false)
                            .await
                            .map(Channel::Exclusive);
                    }
                },
                Opened::Failed(why) => return Err(why.to_string()),
            }
        }
        newest
            .map(|connection| Channel::Shared(Lease::of(&connection)))
            .ok_or_else(|| "no connection has room".to_owned())
    }

    /// A new HTTP/1.1 connection of one's own. `upgrade`: whatever `upstream.http` says.
    ///
    /// # Errors
    /// Why not, for the log.
    pub(in crate::proxy) async fn exclusive(
        &self,
        settings: &UpstreamSettings,
        upgrade: bool,
    ) -> Result<Connection, String> {
        let place = self.place(settings).await?;
        let connected = connect(settings, upgrade).await?;
        if connected.http2 {
            return Err("the application chooses another version of HTTP each time".to_owned());
        }
        pool::open(connected.wire, place).await
    }

    /// A place for one more connection. An idle one of this worker gives way; otherwise there is `connect_timeout` to wait for one.
    async fn place(&self, settings: &UpstreamSettings) -> Result<OwnedSemaphorePermit, String> {
        loop {
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                return Ok(place);
            }
            if !self.pool.give_way() {
                break;
            }
        }
        let free = Arc::clone(&self.places).acquire_owned();
        match timeout(settings.connect_timeout, free).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err("as many connections to the application as the limit of open files allows carry requests already; hint: raise it (`ulimit -n`, `LimitNOFILE`), or let the application speak HTTP/2".to_owned()),
        }
    }

    fn expects_http1(&self, settings: &UpstreamSettings) -> bool {
        match (settings.protocol, &settings.transport) {
            (Protocol::Http1, _) | (Protocol::Auto, Transport::Tcp | Transport::Unix(_)) => true,
            (Protocol::Auto, Transport::Tls(_)) => self.chose_http1.get(),
            (Protocol::Http2, _) => false,
        }
    }

    /// The fullest shared connection that has room, so that the others can become idle; or any, when there can be no more.
    fn lease(&self) -> Option<Lease> {
        let mut shared = self.shared.borrow_mut();
        if shared.is_empty() {
            return None;
        }
        // Those that are left go on until their last answer has ended.
        shared.retain(|connection| connection.is_usable());
        let roomy = shared.iter().filter(|connection| connection.has_room());
        let chosen = roomy
            .max_by_key(|connection| connection.active())
            .or_else(|| {
                let full = shared.len() >= MAX_SHARED;
                let least = shared.iter().min_by_key(|connection| connection.active());
                least.filter(|_| full)
            });
        chosen.map(Lease::of)
    }

    /// Requests that come while a connection is being opened wait for that one. It is opened even if all of them give up.
    async fn open_together(self: &Rc<Self>, settings: &UpstreamSettings) -> Opened {
        let mut told = {
            let mut opening = self.opening.borrow_mut();
            // Its task has ended without a word: a panic.
            opening.take_if(|told| told.has_changed().is_err());
            opening
                .get_or_insert_with(|| {
                    let (tell, told) = watch::channel(None);
                    let (channels, settings) = (Rc::clone(self), settings.clone());
                    tokio::task::spawn_local(async move {
                        let opened = channels.opened(&settings).await;
                        channels.opening.borrow_mut().take();
                        tell.send_replace(Some(
                            opened.unwrap_or_else(|why| Opened::Failed(why.into())),
                        ));
                    });
                    told
                })
                .clone()
        };
        match told.wait_for(Option::is_some).await {
            Ok(opened) => opened.clone(),
            Err(_) => None,
        }
        .unwrap_or_else(|| Opened::Failed("the opening of a connection was given up".into()))
    }

    async fn opened(&self, settings: &UpstreamSettings) -> Result<Opened, String> {
        let place = self.place(settings).await?;
        let connected = connect(settings, false).await?;
        self.chose_http1.set(!connected.http2);
        if connected.http2 {
            let limit = settings.connect_timeout;
            let opening =
                Multiplexed::open(connected.wire, self.shared_idle, settings.response_timeout);
            let connection = tokio::time::timeout(limit, opening)
                .await
                .map_err(|_| format!("the application said nothing of HTTP/2 in {limit:?}"))??;
            self.shared.borrow_mut().push(Rc::clone(&connection));
            return Ok(Opened::Shared(connection));
        }
        let connection = pool::open(connected.wire, place).await?;
        Ok(Opened::Exclusive(Rc::new(Cell::new(Some(connection)))))
    }
}
