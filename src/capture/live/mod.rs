//! A network interface as a source of frames.
//!
//! ```text
//! kernel ─▶ ring (libpcap) ─▶ thread "capture" ─▶ queue ─▶ LiveSource: whoever analyses
//! ```
//!
//! Comes in: what libpcap's ring holds. Goes out: [`Frame`]s in the order of capture. A thread of its own takes packets out
//! of the ring and copies them once, so that a slow analysis or terminal does not make the kernel drop packets.
//!
//! Capturing needs `CAP_NET_RAW` and nothing else: the interface is never put into promiscuous mode.

mod batch;
mod queue;
mod ring;

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Frame, Interface, Next, ReadError, Source, Stopper, Stopping};
use batch::Batch;
use queue::{Queue, Taken};
use ring::Ring;

/// Captured bytes of a packet unless asked otherwise: the largest segment that offload makes, and room to spare.
pub const DEFAULT_SNAPLEN: u32 = 256 * 1024;
/// Size of the kernel's ring in bytes unless asked otherwise: loses nothing at 200 000 packets a second.
pub const DEFAULT_BUFFER: u32 = 64 * 1024 * 1024;
/// How long one call waits for packets before it says [`Next::Pause`] again, so that its caller can look at a clock.
const PATIENCE: Duration = Duration::from_secs(1);

/// What to capture, and with how much memory.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The interface's name; `None` is the loopback device.
    pub interface: Option<String>,
    /// A libpcap filter; `None` captures everything.
    pub filter: Option<String>,
    /// Bytes of each packet that are captured at most.
    pub snaplen: u32,
    /// Bytes of the kernel's ring.
    pub buffer_size: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interface: None,
            filter: None,
            snaplen: DEFAULT_SNAPLEN,
            buffer_size: DEFAULT_BUFFER,
        }
    }
}

/// An interface that may be captured by whoever is permitted to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Whether it is the loopback device, by its flag.
    pub loopback: bool,
}

/// The interfaces of this machine that may carry TCP. Listing them needs no permission.
#[must_use]
pub fn interfaces() -> Vec<Listed> {
    ring::interfaces()
}

/// A capture could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The system does not let this process capture.
    #[error("not permitted to capture on {interface}: {words}")]
    NotPermitted {
        /// On which interface.
        interface: String,
        /// libpcap's words.
        words: String,
    },
    /// There is no interface of this name, or no loopback interface.
    #[error("{}; there {}", no_such(name.as_deref()), list_of(available))]
    NoSuchInterface {
        /// The name that was asked for; `None`: the loopback device.
        name: Option<String>,
        /// The names that exist.
        available: Vec<String>,
    },
    /// What interfaces there are cannot be found out.
    #[error("cannot list the interfaces: {words}")]
    List {
        /// libpcap's words.
        words: String,
    },
    /// The filter does not compile.
    #[error("the filter \"{expression}\" does not compile: {words}")]
    Filter {
        /// The filter as given.
        expression: String,
        /// libpcap's words.
        words: String,
    },
    /// libpcap refused for another reason: the interface is down, the ring does not fit into memory.
    #[error("cannot capture on {interface}: {words}")]
    Failed {
        /// On which interface.
        interface: String,
        /// libpcap's words.
        words: String,
    },
    /// No pipe for waking the capture could be made: no descriptors are left.
    #[error("cannot make a pipe: {0}")]
    Pipe(#[from] io::Error),
}

fn no_such(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("there is no interface \"{}\"", name.escape_debug()),
        None => "there is no loopback interface".to_owned(),
    }
}

fn list_of(available: &[String]) -> String {
    if available.is_empty() {
        "are none at all".to_owned()
    } else {
        format!("are: {}", available.join(", "))
    }
}

/// An open capture.
pub struct LiveSource {
    /// Until the first call of [`Source::next`]: the thread that empties the ring is started then.
    ring: Option<Ring>,
    queue: Arc<Queue>,
    interfaces: [Interface; 1],
    loopback: bool,
    batch: Batch,
    number: u64,
    /// The caller knows that there is nothing, and expects to wait.
    announced: bool,
    ended: bool,
    deadline: Option<Instant>,
    stopper: Stopper,
    stopping: Stopping,
}

impl LiveSource {
    /// Opens a capture. From now on every matching packet is kept in the ring.
    ///
    /// # Errors
    /// When there is no such interface, when it may not be captured, or when the filter does not compile.
    pub fn open(settings: &Settings) -> Result<Self, LiveError> {
        let opened = ring::open(settings)?;
        let (stopper, stopping) = Stopper::new()?;
        Ok(Self {
            ring: Some(opened.ring),
            queue: Arc::default(),
            interfaces: [opened.interface],
            loopback: opened.loopback,
            batch: Batch::default(),
            number: 0,
            announced: false,
            ended: false,
            deadline: None,
            stopper,
            stopping,
        })
    }

    /// The interface that is captured.
    #[must_use]
    pub fn interface(&self) -> &Interface {
        &self.interfaces[0]
    }

    /// Whether it is the loopback device: only packets of this machine with itself.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// The descriptor that packets come from, for a sandbox that has to know it. `None` once the first packet was asked for.
    #[must_use]
    pub fn descriptor(&self) -> Option<RawFd> {
        self.ring.as_ref().map(Ring::descriptor)
    }

    /// A handle that ends this capture from another thread.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Ends the capture by itself after `duration`. Has no effect once the first packet was asked for.
    pub fn stop_after(&mut self, duration: Duration) {
        self.deadline = Some(Instant::now() + duration);
    }

    /// Makes sure that there is a packet in the batch, or says why there is none.
    fn advance(&mut self) -> Result<Option<Next<'static>>, ReadError> {
        if !self.batch.is_used_up() {
            return Ok(None);
        }
        if self.ended {
            return Ok(Some(Next::End));
        }
        self.start().map_err(|error| self.failed(error))?;
        let patience = if self.announced {
            PATIENCE
        } else {
            Duration::ZERO
        };
        match self.queue.take(&mut self.batch, patience) {
            Taken::Packets => {
                self.announced = false;
                Ok(None)
            }
            Taken::Nothing => {
                self.announced = true;
                Ok(Some(Next::Pause))
            }
            Taken::End(error) => {
                self.ended = true;
                if self.stopping.is_demanded() {
                    self.stopping.heard();
                }
                error.map_or(Ok(Some(Next::End)), |error| Err(self.failed(error)))
            }
        }
    }

    /// Starts the thread that empties the ring, once.
    fn start(&mut self) -> io::Result<()> {
        let Some(ring) = self.ring.take() else {
            return Ok(());
        };
        let queue = Arc::clone(&self.queue);
        let stopping = self.stopping.clone();
        let deadline = self.deadline;
        thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || ring.empty_into(&queue, &stopping, deadline))?;
        Ok(())
    }

    fn failed(&self, error: io::Error) -> ReadError {
        ReadError::Io {
            frame: self.number,
            error,
        }
    }
}

impl Drop for LiveSource {
    fn drop(&mut self) {
        self.queue.abandon();
        self.stopper.stop();
    }
}

impl Source for LiveSource {
    fn next(&mut self) -> Result<Next<'_>, ReadError> {
        Ok(self.next_with_interfaces()?.0)
    }

    fn next_with_interfaces(&mut self) -> Result<(Next<'_>, &[Interface]), ReadError> {
        if let Some(other) = self.advance()? {
            return Ok((other, &self.interfaces));
        }
        let Some((packet, data)) = self.batch.pop() else {
            return Ok((Next::Pause, &self.interfaces));
        };
        self.number += 1;
        let frame = Frame {
            number: self.number,
            time: packet.time,
            link: self.interfaces[0].link,
            interface: 0,
            data,
            original_len: packet.original_len,
        };
        Ok((Next::Frame(frame), &self.interfaces))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn held(&self) -> u64 {
        queue::LIMIT as u64
    }

    fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}
