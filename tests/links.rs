//! One conversation in every link type, byte order, resolution of time, file format and compression gives the same
//! ladder and the same JSON.

#[path = "samples/files.rs"]
mod files;
#[path = "decode/frames.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod frames;
mod samples;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use handshake_watch::time::Timestamp;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::TempDir;

use files::{Interface, Order};
use samples::Packet;

/// Ethernet's number, and the length of its header.
const ETHERNET: u16 = 1;
const ETHERNET_HEADER: usize = 14;

/// The conversation over IPv4 and over IPv6.
const CONVERSATIONS: [&str; 2] = ["handshake.pcap", "handshake-ipv6.pcap"];

#[test]
fn link_types_and_tunnels() {
    let files = Files::new();
    for conversation in CONVERSATIONS {
        let packets = samples::packets(conversation);
        let expected = told(&samples::path(conversation));
        for wrapping in frames::wrappings() {
            let wrapped: Vec<Packet> = packets
                .iter()
                .map(|packet| Packet {
                    time: packet.time,
                    data: (wrapping.wrap)(&packet.data[ETHERNET_HEADER..]),
                })
                .collect();
            let file = files::pcap(Order::Little, 9, wrapping.link.0, &wrapped);
            files.hold(
                &file,
                &expected,
                &format!("{conversation}, {}", wrapping.name),
            );
        }
    }
}

#[test]
fn byte_orders_and_resolutions_of_pcap() {
    let files = Files::new();
    let packets = samples::packets(CONVERSATIONS[0]);
    let in_micros = whole_micros(&packets);
    let exactly = told(&samples::path(CONVERSATIONS[0]));
    let roughly = files.told(&files::pcap(Order::Little, 9, ETHERNET, &in_micros));
    assert_ne!(exactly.json, roughly.json, "nanoseconds are kept");
    for order in Order::BOTH {
        let file = files::pcap(order, 9, ETHERNET, &packets);
        files.hold(&file, &exactly, &format!("{order:?}, nanoseconds"));
        let file = files::pcap(order, 6, ETHERNET, &packets);
        files.hold(&file, &roughly, &format!("{order:?}, microseconds"));
    }
}

/// Each packet comes from the next of several interfaces, which differ in link type, resolution and offset of time.
#[test]
fn interfaces_and_sections_of_pcapng() {
    let files = Files::new();
    let packets = whole_micros(&samples::packets(CONVERSATIONS[0]));
    let expected = files.told(&files::pcap(Order::Little, 9, ETHERNET, &packets));
    let wrappings = frames::wrappings();
    let kinds: Vec<_> = ["Ethernet", "raw", "NULL, big endian", "cooked v2", "VLAN"]
        .into_iter()
        .map(|name| {
            let found = wrappings.iter().find(|wrapping| wrapping.name == name);
            found.expect("a link type that the decoder knows")
        })
        .collect();
    let interfaces: Vec<Interface> = kinds
        .iter()
        .zip([(6, 0), (9, 0), (10, 1_000_000_000), (9, 0), (6, -3600)])
        .map(|(kind, (digits, offset))| Interface {
            link: kind.link.0,
            digits,
            offset,
        })
        .collect();
    let write = |order, packet: &Packet, at: usize| {
        let index = at % kinds.len();
        let wrapped = Packet {
            time: packet.time,
            data: (kinds[index].wrap)(&packet.data[ETHERNET_HEADER..]),
        };
        files::packet(order, index as u32, interfaces[index], &wrapped)
    };

    for order in Order::BOTH {
        let mut file = files::section(order, &interfaces);
        for (at, packet) in packets.iter().enumerate() {
            file.extend(write(order, packet, at));
        }
        files.hold(&file, &expected, &format!("{order:?}, several interfaces"));
    }

    let mut file = Vec::new();
    for (at, packet) in packets.iter().enumerate() {
        let order = Order::BOTH[at % 2];
        file.extend(files::section(order, &interfaces));
        file.extend(write(order, packet, at));
    }
    files.hold(
        &file,
        &expected,
        "a section a packet, in alternating byte orders",
    );
}

#[test]
fn formats_and_compression() {
    let files = Files::new();
    for conversation in ["handshake", "handshake-ipv6", "refused"] {
        let expected = told(&samples::path(&format!("{conversation}.pcap")));
        for format in ["pcap", "pcapng"] {
            let name = format!("{conversation}.{format}");
            let plain = samples::bytes(&name);
            files.hold(&plain, &expected, &name);
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            gzip.write_all(&plain).expect("memory is written");
            let gzip = gzip.finish().expect("memory is written");
            files.hold(&gzip, &expected, &format!("{name}.gz"));
            let zstd = compress_to_vec(plain.as_slice(), CompressionLevel::Fastest);
            files.hold(&zstd, &expected, &format!("{name}.zst"));
        }
    }
}

/// What the program says about a capture.
struct Told {
    ladder: String,
    /// Without the header, which names the file.
    json: String,
}

fn told(capture: &Path) -> Told {
    let capture = capture.to_str().expect("UTF-8");
    let ladder = samples::printed(&["replay", capture, "--format", "timeline", "--width", "80"]);
    let json = samples::printed(&["replay", capture, "--format", "json"]);
    let (header, rest) = json.split_once('\n').expect("more than a header");
    assert!(header.contains("\"type\":\"header\""), "{header}");
    assert!(
        rest.contains("\"type\":\"connection\""),
        "there is something to compare: {rest}"
    );
    Told {
        ladder,
        json: rest.to_owned(),
    }
}

/// A folder for files that are read once.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    /// What the program says about a file of these bytes. Its name says nothing about its format.
    fn told(&self, bytes: &[u8]) -> Told {
        let path = self.0.path().join("capture");
        fs::write(&path, bytes).expect("a writable folder");
        told(&path)
    }

    /// Checks that the program says the same about these bytes.
    fn hold(&self, bytes: &[u8], expected: &Told, what: &str) {
        let found = self.told(bytes);
        assert_eq!(rows(&found.ladder), rows(&expected.ladder), "{what}");
        assert_eq!(found.json, expected.json, "{what}");
    }
}

/// A ladder without its title, which names the interface where the format does.
fn rows(ladder: &str) -> Vec<&str> {
    let mut lines = ladder.lines();
    let title = lines.next();
    assert!(
        title.is_some_and(|title| title.starts_with("#1  ")),
        "{title:?}"
    );
    lines.collect()
}

/// The same packets at times that microseconds can tell.
fn whole_micros(packets: &[Packet]) -> Vec<Packet> {
    packets
        .iter()
        .map(|packet| Packet {
            time: Timestamp::from_nanos(packet.time.as_nanos() / 1000 * 1000),
            data: packet.data.clone(),
        })
        .collect()
}
