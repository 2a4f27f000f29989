//! libpcap's ring: opened with the right settings, emptied without ever blocking for long.
//!
//! libpcap's own time-out does not fire while an interface is silent, so the waiting is done with `poll`, together with
//! the pipe that says stop.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap::{Active, Capture, Device};

use super::batch::Batch;
use super::queue::Queue;
use super::{Listed, LiveError, Settings};
use crate::capture::{Interface, LinkType, Stopping};
use crate::time::Timestamp;

/// libpcap's time-out. The kernel hands over a block that is not full after this long, so it is also the latency.
const BLOCK_TIMEOUT_MS: i32 = 1;
/// How long an empty ring is waited on before the clock is looked at.
const PATIENCE: Duration = Duration::from_secs(1);
/// Packets taken from the ring at once: some, and many where those are short.
const PACKETS_AT_ONCE: usize = 8;
const SHORT_AT_ONCE: usize = 64;
/// Shorter than this with all that is kept of it.
const SHORT: usize = 1024;
/// A batch ends when it holds this much, so that the first packet in it does not wait for many others. The largest packets
/// that segmentation offload makes everywhere double it at most.
const BATCH_BYTES: usize = 512 * 1024;
/// So many packets in each block, which is a millisecond's, are traffic that nobody follows by eye.
const MANY: usize = 50;
/// How long such traffic gathers in the ring: at first, and when it goes on. A row is late by no more than this.
const GATHER: Duration = Duration::from_millis(2);
const GATHER_LONGEST: Duration = Duration::from_millis(16);
/// Bytes of one block of the ring, as libpcap makes them.
const BLOCK: u32 = 256 * 1024;
/// The part of the ring's blocks that packets may gather in; a block is used up each millisecond, full or not. All others are
/// there for the time until this thread gets a processor, and for packets that come faster all at once.
const GATHER_PART: u32 = 8;
/// After a stop: how long the ring must have been empty before it counts as drained. Some times [`BLOCK_TIMEOUT_MS`].
const SETTLE: Duration = Duration::from_millis(10);
/// After a stop: give up draining after this long, whatever still arrives.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// An active capture.
pub(super) struct Ring {
    capture: Capture<Active>,
    gathering: Gathering,
}

/// A capture that was opened, and what was found out about it.
pub(super) struct Opened {
    pub(super) ring: Ring,
    pub(super) interface: Interface,
    pub(super) loopback: bool,
}

/// Opens the interface.
pub(super) fn open(settings: &Settings) -> Result<Opened, LiveError> {
    let devices = Device::list().map_err(|error| LiveError::List {
        words: words(&error),
    })?;
    let device = choose(&devices, settings.interface.as_deref())?;
    let name = device.name.clone();
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
    if loopback {
        leave_out_sent(&capture);
    }
    let interface = Interface {
        name: Some(name),
        link: link_type(capture.get_datalink().0),
        digits: if NANOSECONDS { 9 } else { 6 },
        snaplen: settings.snaplen,
    };
    Ok(Opened {
        ring: Ring {
            capture,
            gathering: Gathering::in_ring(settings.buffer_size),
        },
        interface,
        loopback,
    })
}

/// The loopback device shows the kernel every packet twice, as sent and as received, and libpcap leaves out the first. This
/// keeps the first from ever being copied into the ring, which then lasts for twice as many packets, and what is dropped is
/// counted once. Kernels before 4.20 refuse it, and everything works as it did, with half of the room.
#[cfg(target_os = "linux")]
fn leave_out_sent(capture: &Capture<Active>) {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open as long as `capture`, and the kernel reads one integer, which outlives the call.
    #[allow(unsafe_code, reason = "this option has no safe wrapper")]
    let _ = unsafe {
        libc::setsockopt(
            capture.as_fd().as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_IGNORE_OUTGOING,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
}

#[cfg(not(target_os = "linux"))]
fn leave_out_sent(_: &Capture<Active>) {}

impl Ring {
    pub(super) fn descriptor(&self) -> RawFd {
        self.capture.as_fd().as_raw_fd()
    }

    /// Moves packets into the queue until `stop` is set, the deadline passes, the capture fails, or nobody takes them.
    pub(super) fn empty_into(
        mut self,
        queue: &Queue,
        stopping: &Stopping,
        deadline: Option<Instant>,
    ) {
        let over = || deadline.is_some_and(|end| Instant::now() >= end);
        let mut batch = Batch::default();
        while !stopping.is_demanded() && !over() {
            if let Err(error) = self.fill(&mut batch) {
                queue.put(&mut batch);
                queue.set_dropped(self.dropped());
                return queue.end(Some(error));
            }
            if batch.len() == 0 {
                queue.set_dropped(self.dropped());
                let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
                let limit = PATIENCE.min(left.unwrap_or(PATIENCE));
                wait(limit, &mut [self.arrival(), stopping.poll_fd()]);
                continue;
            }
            let pause = self.gathering.next(batch.len(), batch.size());
            if !queue.put(&mut batch) {
                return;
            }
            if !pause.is_zero() {
                wait(pause, &mut [stopping.poll_fd()]);
            }
        }
        let ended = self.drain(queue, &mut batch);
        queue.set_dropped(self.dropped());
        queue.end(ended.err());
    }

    /// Takes what the ring still holds from before the stop. A block that is not full is handed over only when its
    /// time is up, so an empty ring is looked at twice.
    fn drain(&mut self, queue: &Queue, batch: &mut Batch) -> io::Result<()> {
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let stopped = Timestamp::new(clock.as_secs() as i64, clock.subsec_nanos());
        let since = Instant::now();
        while since.elapsed() < DRAIN_LIMIT {
            self.fill(batch)?;
            if batch.len() == 0 {
                wait(SETTLE, &mut [self.arrival()]);
                self.fill(batch)?;
            }
            if batch.len() == 0 {
                return Ok(());
            }
            // Packets from after the stop were not asked for.
            let enough = batch.cut_after(stopped);
            if !queue.put(batch) || enough {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Copies packets out of the ring, without waiting.
    fn fill(&mut self, batch: &mut Batch) -> io::Result<()> {
        loop {
            let are_short = batch.len() > 0 && batch.size() < SHORT * batch.len();
            let at_once = if are_short {
                SHORT_AT_ONCE
            } else {
                PACKETS_AT_ONCE
            };
            let taken = match self.capture.dispatch(Some(at_once), |packet| {
                batch.push(time_of(packet.header), packet.header.len, packet.data);
            }) {
                Ok(taken) => taken,
                Err(pcap::Error::TimeoutExpired) => 0,
                Err(error) => return Err(io::Error::other(words(&error))),
            };
            if taken < at_once || batch.size() >= BATCH_BYTES {
                return Ok(());
            }
        }
    }

    /// The ring has something.
    fn arrival(&self) -> PollFd<'_> {
        PollFd::new(self.capture.as_fd(), PollFlags::POLLIN)
    }

    /// Packets that found no room in the ring. The kernel's other counters are of no use: what was received is counted
    /// twice on loopback, and what the interface dropped need not have matched the filter.
    fn dropped(&mut self) -> u64 {
        self.capture
            .stats()
            .map_or(0, |stats| u64::from(stats.dropped))
    }
}

/// Lets packets gather where they come fast: each hand-over wakes two other threads, which costs more than some hundred
/// packets do.
struct Gathering {
    /// How long the latest packets gathered.
    latest: Duration,
    /// How long they may gather.
    longest: Duration,
}

impl Gathering {
    /// In a ring of so many bytes.
    fn in_ring(bytes: u32) -> Self {
        let blocks = bytes / BLOCK / GATHER_PART;
        Self {
            latest: Duration::ZERO,
            longest: GATHER_LONGEST.min(Duration::from_millis(u64::from(blocks))),
        }
    }

    /// How long the next packets gather, after so many were taken out, which took so much memory.
    fn next(&mut self, packets: usize, bytes: usize) -> Duration {
        if bytes >= BATCH_BYTES {
            // There may be more already.
            return Duration::ZERO;
        }
        let blocks = self.latest.as_millis().max(1) as usize;
        self.latest = if packets < MANY * blocks {
            Duration::ZERO
        } else {
            (self.latest * 2).max(GATHER).min(self.longest)
        };
        self.latest
    }
}

/// Waits for any of these, at most `limit`. A wait that fails is a short one.
fn wait(limit: Duration, fds: &mut [PollFd<'_>]) {
    // Rounded up: waking just before the deadline would mean waking twice.
    let limit = limit.as_nanos().div_ceil(1_000_000) as u16;
    let _ = poll(fds, PollTimeout::from(limit));
}

fn time_of(header: &pcap::PacketHeader) -> Timestamp {
    #[cfg_attr(
        target_pointer_width = "64",
        expect(
            clippy::useless_conversion,
            reason = "seconds have 32 bits on some systems"
        )
    )]
    let seconds = i64::from(header.ts.tv_sec);
    // With nanosecond precision libpcap keeps nanoseconds where the field's name says microseconds.
    let scale = if NANOSECONDS { 1 } else { 1_000 };
    Timestamp::new(seconds, header.ts.tv_usec as u32 * scale)
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
            .filter(|name| is_network(name))
            .collect(),
    })
}

/// The interfaces that may carry TCP.
pub(super) fn interfaces() -> Vec<Listed> {
    let devices = Device::list().unwrap_or_default();
    let networks = devices
        .into_iter()
        .filter(|device| is_network(&device.name));
    networks
        .map(|device| Listed {
            loopback: device.flags.is_loopback(),
            name: device.name,
        })
        .collect()
}

fn is_network(name: &str) -> bool {
    !NOT_NETWORKS.iter().any(|prefix| name.starts_with(prefix))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_gather_for_longer_the_longer_they_come_fast() {
        let mut gathering = Gathering::in_ring(64 << 20);
        let mut next = |packets| gathering.next(packets, 100 * packets).as_millis();
        assert_eq!(next(MANY - 1), 0, "an exchange that somebody follows");
        assert_eq!([next(MANY), next(2 * MANY), next(4 * MANY)], [2, 4, 8]);
        assert_eq!([next(8 * MANY), next(16 * MANY)], [16, 16]);
        assert_eq!(next(16 * MANY - 1), 0, "it is over");
        assert_eq!(next(MANY), 2);
    }

    #[test]
    fn packets_do_not_gather_where_there_is_no_room_for_them() {
        let mut large = Gathering::in_ring(64 << 20);
        let fast = large.next(MANY, BATCH_BYTES);
        assert_eq!(fast, Duration::ZERO, "there may be more already");
        let mut small = Gathering::in_ring(1 << 20);
        assert_eq!(small.next(MANY, 0), Duration::ZERO);
    }
}
