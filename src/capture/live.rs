//! A network interface as a source of frames.
//!
//! Comes in: what libpcap's ring holds. Goes out: [`Frame`]s in the order of capture. Packets are taken out of the ring
//! in batches and copied once, so that the ring is free again before anyone looks at them. Nothing here blocks without a
//! limit: libpcap's own time-out does not fire while an interface is silent, so the waiting is done with `poll`.
//!
//! Capturing needs `CAP_NET_RAW` and nothing else: the interface is never put into promiscuous mode.

use std::io::{self, PipeReader, PipeWriter, Write as _};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap::{Active, Capture, Device};

use super::{Frame, Interface, LinkType, Next, ReadError, Source};
use crate::time::Timestamp;

/// Captured bytes of a packet unless asked otherwise: the largest segment that offload makes, and room to spare.
pub const DEFAULT_SNAPLEN: u32 = 256 * 1024;
/// Size of the kernel's ring unless asked otherwise: loses nothing at 200 000 packets a second.
pub const DEFAULT_BUFFER: u32 = 64 * 1024 * 1024;
/// libpcap's time-out. The kernel hands over a block that is not full after this long, so it is also the latency.
const BLOCK_TIMEOUT_MS: i32 = 1;
/// How long one call waits for packets before it says [`Next::Pause`] again, so that its caller can look at a clock.
const PATIENCE: Duration = Duration::from_secs(1);
/// Packets taken from the ring at once. With the largest packets that is 4 MiB.
const PACKETS_AT_ONCE: usize = 64;
/// A batch ends when it holds this much, so that the first packet in it does not wait for many others.
const BATCH_BYTES: usize = 512 * 1024;
/// After a stop: how long the ring must have been empty before it counts as drained. Some times [`BLOCK_TIMEOUT_MS`].
const SETTLE: Duration = Duration::from_millis(10);
/// After a stop: give up draining after this long, whatever still arrives.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// What to capture, and with how much memory.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The interface's name; `None` is the loopback device.
    pub interface: Option<String>,
    /// A libpcap filter; `None` captures everything.
    pub filter: Option<String>,
    /// Bytes of each packet.
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

/// Ends a capture from another thread, at once: what the ring holds by then is still delivered.
#[derive(Clone, Debug)]
pub struct Stopper {
    stop: Arc<AtomicBool>,
    pipe: Arc<PipeWriter>,
}

impl Stopper {
    /// Ends the capture. A second call does nothing.
    pub fn stop(&self) {
        if !self.stop.swap(true, Ordering::SeqCst) {
            // One byte always fits into an empty pipe; if the reader is gone, the capture has ended already.
            let _ = (&*self.pipe).write_all(&[0]);
        }
    }
}

/// An open capture.
pub struct LiveSource {
    capture: Capture<Active>,
    interfaces: [Interface; 1],
    loopback: bool,
    batch: Batch,
    number: u64,
    phase: Phase,
    deadline: Option<Instant>,
    stop: Arc<AtomicBool>,
    pipe: (PipeReader, Arc<PipeWriter>),
    dropped: u64,
}

/// What the next call has to do when the batch is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Look whether the ring has more.
    Reading,
    /// The caller knows that there is nothing: wait.
    Waiting,
    /// Stopped at this instant: deliver what was captured before it.
    Draining { stopped: Timestamp, since: Instant },
    /// Nothing comes any more.
    Ended,
}

/// Packets copied out of the ring.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    packets: Vec<Packet>,
    next: usize,
}

#[derive(Clone, Copy)]
struct Packet {
    time: Timestamp,
    start: usize,
    len: usize,
    original_len: u32,
}

impl LiveSource {
    /// Opens a capture. From now on every matching packet is kept in the ring.
    ///
    /// # Errors
    /// When there is no such interface, when it may not be captured, or when the filter does not compile.
    pub fn open(settings: &Settings) -> Result<Self, LiveError> {
        let devices = Device::list().unwrap_or_default();
        let device = choose(&devices, settings.interface.as_deref())?;
        let interface = device.name.clone();
        let loopback = device.flags.is_loopback();
        let mut capture = activate(device, settings).map_err(|refused| {
            // Being allowed would not help with a filter that is wrong; whether it is can be found out without.
            wrong_filter(settings.filter.as_deref()).unwrap_or(refused)
        })?;
        if let Some(expression) = &settings.filter {
            capture
                .filter(expression, true)
                .map_err(|error| LiveError::Filter {
                    expression: expression.clone(),
                    words: words(&error),
                })?;
        }
        let link = link_type(capture.get_datalink().0);
        let (reader, writer) = io::pipe()?;
        Ok(Self {
            capture,
            interfaces: [Interface {
                name: Some(interface),
                link,
                digits: if NANOSECONDS { 9 } else { 6 },
                snaplen: settings.snaplen,
            }],
            loopback,
            batch: Batch::default(),
            number: 0,
            phase: Phase::Reading,
            deadline: None,
            stop: Arc::default(),
            pipe: (reader, Arc::new(writer)),
            dropped: 0,
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

    /// A handle that ends this capture from another thread.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper {
            stop: Arc::clone(&self.stop),
            pipe: Arc::clone(&self.pipe.1),
        }
    }

    /// Ends the capture by itself after `duration`.
    pub fn stop_after(&mut self, duration: Duration) {
        self.deadline = Some(Instant::now() + duration);
    }

    /// Makes sure that there is a packet in the batch, or says why there is none.
    fn advance(&mut self) -> Result<Option<Next<'static>>, ReadError> {
        loop {
            if self.batch.has_more() {
                return Ok(None);
            }
            self.notice_stop();
            match self.phase {
                Phase::Ended => return Ok(Some(Next::End)),
                Phase::Reading => {
                    self.refill()?;
                    if !self.batch.has_more() {
                        self.phase = Phase::Waiting;
                        self.count_losses();
                        return Ok(Some(Next::Pause));
                    }
                }
                Phase::Waiting => {
                    self.phase = Phase::Reading;
                    self.wait(PATIENCE, true)?;
                }
                Phase::Draining { stopped, since } => self.drain(stopped, since)?,
            }
        }
    }

    /// Changes to draining when somebody stopped the capture or its time is over.
    fn notice_stop(&mut self) {
        let over = self.deadline.is_some_and(|end| Instant::now() >= end);
        if matches!(self.phase, Phase::Reading | Phase::Waiting)
            && (over || self.stop.load(Ordering::SeqCst))
        {
            let clock = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            self.phase = Phase::Draining {
                stopped: Timestamp::new(clock.as_secs() as i64, clock.subsec_nanos()),
                since: Instant::now(),
            };
        }
    }

    /// Takes what the ring still holds from before the stop. A block that is not full is handed over only when its
    /// time is up, so an empty ring is looked at twice.
    fn drain(&mut self, stopped: Timestamp, since: Instant) -> Result<(), ReadError> {
        self.refill()?;
        if !self.batch.has_more() {
            self.wait(SETTLE, false)?;
            self.refill()?;
        }
        let later = self.batch.packets.iter().any(|p| p.time > stopped);
        if later || !self.batch.has_more() || since.elapsed() > DRAIN_LIMIT {
            // The last batch may hold packets from after the stop; they were not asked for.
            self.batch.packets.retain(|p| p.time <= stopped);
            self.phase = Phase::Ended;
            self.count_losses();
        }
        Ok(())
    }

    /// Copies packets out of the ring, without waiting.
    fn refill(&mut self) -> Result<(), ReadError> {
        self.batch.clear();
        loop {
            let batch = &mut self.batch;
            let taken = match self.capture.dispatch(Some(PACKETS_AT_ONCE), |packet| {
                batch.push(&packet);
            }) {
                Ok(taken) => taken,
                Err(pcap::Error::TimeoutExpired) => 0,
                Err(error) => {
                    self.phase = Phase::Ended;
                    self.count_losses();
                    return Err(ReadError::Io {
                        frame: self.number + self.batch.packets.len() as u64,
                        error: io::Error::other(words(&error)),
                    });
                }
            };
            if taken < PACKETS_AT_ONCE || self.batch.bytes.len() >= BATCH_BYTES {
                return Ok(());
            }
        }
    }

    /// Waits until the ring has something, or until a stop when `stoppable`, at most `limit`.
    fn wait(&self, limit: Duration, stoppable: bool) -> Result<(), ReadError> {
        let limit = match self.deadline {
            Some(end) if stoppable => limit.min(end.saturating_duration_since(Instant::now())),
            _ => limit,
        };
        // Rounded up: waking just before the deadline would mean waking twice.
        let limit = limit.as_nanos().div_ceil(1_000_000) as u16;
        let mut fds = [
            PollFd::new(self.capture.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.pipe.0.as_fd(), PollFlags::POLLIN),
        ];
        let watched = if stoppable { 2 } else { 1 };
        match poll(&mut fds[..watched], PollTimeout::from(limit)) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(error) => Err(ReadError::Io {
                frame: self.number,
                error: error.into(),
            }),
        }
    }

    /// Asks the kernel for its counter. The other two are of no use: what was received is counted twice on loopback,
    /// and what the interface dropped need not have matched the filter.
    fn count_losses(&mut self) {
        if let Ok(stats) = self.capture.stats() {
            self.dropped = u64::from(stats.dropped);
        }
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

    fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Batch {
    fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        self.next = 0;
    }

    fn has_more(&self) -> bool {
        self.next < self.packets.len()
    }

    fn push(&mut self, packet: &pcap::Packet<'_>) {
        #[cfg_attr(
            target_pointer_width = "64",
            expect(
                clippy::useless_conversion,
                reason = "seconds have 32 bits on some systems"
            )
        )]
        let (seconds, fraction) = (i64::from(packet.header.ts.tv_sec), packet.header.ts.tv_usec);
        // With nanosecond precision libpcap keeps nanoseconds where the field's name says microseconds.
        let nanos = fraction as u32 * if NANOSECONDS { 1 } else { 1_000 };
        self.packets.push(Packet {
            time: Timestamp::new(seconds, nanos),
            start: self.bytes.len(),
            len: packet.data.len(),
            original_len: packet.header.len,
        });
        self.bytes.extend_from_slice(packet.data);
    }

    fn pop(&mut self) -> Option<(Packet, &[u8])> {
        let packet = *self.packets.get(self.next)?;
        self.next += 1;
        let data = self.bytes.get(packet.start..packet.start + packet.len)?;
        Some((packet, data))
    }
}

/// libpcap gives nanoseconds for every device on Linux; elsewhere it depends, and microseconds always work.
const NANOSECONDS: bool = cfg!(target_os = "linux");

fn choose(devices: &[Device], name: Option<&str>) -> Result<Device, LiveError> {
    let found = match name {
        Some(name) => devices.iter().find(|device| device.name == name),
        // By its flag: it is called `lo` on Linux, `lo0` on macOS and the BSDs.
        None => devices.iter().find(|device| device.flags.is_loopback()),
    };
    found.cloned().ok_or_else(|| LiveError::NoSuchInterface {
        name: name.map(ToOwned::to_owned),
        available: devices
            .iter()
            .map(|device| device.name.clone())
            .filter(|name| !NOT_NETWORKS.iter().any(|prefix| name.starts_with(prefix)))
            .collect(),
    })
}

/// Devices that libpcap lists and that never carry TCP.
const NOT_NETWORKS: [&str; 5] = ["bluetooth", "dbus-", "nflog", "nfqueue", "usbmon"];

fn activate(device: Device, settings: &Settings) -> Result<Capture<Active>, LiveError> {
    let interface = device.name.clone();
    let open = || {
        let mut capture = Capture::from_device(device)?
            .promisc(false)
            .immediate_mode(false)
            .timeout(BLOCK_TIMEOUT_MS)
            .snaplen(i32::try_from(settings.snaplen).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(settings.buffer_size).unwrap_or(i32::MAX));
        if NANOSECONDS {
            capture = capture.precision(pcap::Precision::Nano);
        }
        capture.open()?.setnonblock()
    };
    open().map_err(|error| {
        let words = words(&error);
        if is_permission(&words) {
            LiveError::NotPermitted { interface, words }
        } else {
            LiveError::Failed { interface, words }
        }
    })
}

/// What is wrong with a filter as far as it can be told without an interface.
fn wrong_filter(expression: Option<&str>) -> Option<LiveError> {
    let expression = expression?;
    let error = Capture::dead(pcap::Linktype::ETHERNET)
        .ok()?
        .compile(expression, true)
        .err()?;
    Some(LiveError::Filter {
        expression: expression.to_owned(),
        words: words(&error),
    })
}

/// libpcap's codes do not reach us through its wrapper, so its words have to do. On Linux they are "Operation not
/// permitted" or name `CAP_NET_RAW`, on macOS "Permission denied" for `/dev/bpf0`.
fn is_permission(words: &str) -> bool {
    ["permission", "not permitted", "Permission", "CAP_NET_RAW"]
        .iter()
        .any(|sign| words.contains(sign))
}

fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(words) => words.clone(),
        other => other.to_string(),
    }
}

/// The registry's number for libpcap's own, which differ by system only for raw IP.
fn link_type(dlt: i32) -> LinkType {
    match dlt {
        12 | 14 => LinkType::RAW,
        other => LinkType(other as u16),
    }
}
