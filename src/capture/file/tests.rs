//! Files built byte by byte, whole, cut and damaged.

use std::io::{Cursor, Read, Write};

use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;
use crate::capture::{Interface, Next, Stopper};

/// What a frame said, kept for comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    nanos: i64,
    link: u16,
    interface: u16,
    data: Vec<u8>,
    original_len: u32,
}

/// Everything that a capture holds, and the error it ended with.
fn read(bytes: &[u8]) -> (Vec<Seen>, Vec<Interface>, Option<ReadError>) {
    read_from(Cursor::new(bytes.to_vec()), false)
}

fn read_from(
    reader: impl Read + Send + 'static,
    may_block: bool,
) -> (Vec<Seen>, Vec<Interface>, Option<ReadError>) {
    let mut source = match from_input(input(reader, may_block), no_progress()) {
        Ok(source) => source,
        Err(error) => return (Vec::new(), Vec::new(), Some(error)),
    };
    let mut seen = Vec::new();
    let error = loop {
        match source.next() {
            Ok(Next::Frame(frame)) => {
                seen.push(Seen {
                    nanos: frame.time.as_nanos(),
                    link: frame.link.0,
                    interface: frame.interface,
                    data: frame.data.to_vec(),
                    original_len: frame.original_len,
                });
                assert_eq!(frame.number, seen.len() as u64);
            }
            Ok(Next::Pause) => assert!(may_block, "a file never pauses"),
            Ok(Next::End) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(
        matches!(source.next(), Ok(Next::End)),
        "nothing follows the end"
    );
    (seen, source.interfaces().to_vec(), error)
}

fn input(reader: impl Read + Send + 'static, may_block: bool) -> Input {
    Input::new(Box::new(reader), may_block, None)
}

fn no_progress() -> Progress {
    Progress {
        read: Arc::default(),
        total: None,
        window: 0,
    }
}

/// Numbers in one byte order.
#[derive(Clone, Copy)]
struct Ordered(bool);

impl Ordered {
    fn u16(self, value: u16) -> [u8; 2] {
        if self.0 {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn words(self, values: &[u32]) -> Vec<u8> {
        let one = |value: &u32| {
            if self.0 {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }
        };
        values.iter().flat_map(one).collect()
    }

    fn pcap(self, magic: u32, version: (u16, u16), packets: &[&[u8]]) -> Vec<u8> {
        let mut file = self.words(&[magic]);
        file.extend(self.u16(version.0));
        file.extend(self.u16(version.1));
        file.extend(self.words(&[0, 0, 65535, 1]));
        for (index, packet) in packets.iter().enumerate() {
            let len = packet.len() as u32;
            file.extend(self.words(&[1_700_000_000, index as u32, len, len + 4]));
            file.extend(*packet);
        }
        file
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = body.len().next_multiple_of(4) - body.len();
        let len = (12 + body.len() + padding) as u32;
        let mut block = self.words(&[kind, len]);
        block.extend(body);
        block.extend(vec![0; padding]);
        block.extend(self.words(&[len]));
        block
    }

    fn section(self) -> Vec<u8> {
        let mut body = self.words(&[0x1a2b_3c4d]);
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = self.u16(link).to_vec();
        body.extend(self.u16(0));
        body.extend(self.words(&[snaplen]));
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(value.len() as u16));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body)
    }

    fn enhanced(self, interface: u32, ticks: u64, packet: &[u8]) -> Vec<u8> {
        let len = packet.len() as u32;
        let ticks = [(ticks >> 32) as u32, ticks as u32];
        let mut body = self.words(&[interface, ticks[0], ticks[1], len, len]);
        body.extend(packet);
        self.block(6, &body)
    }
}

const LITTLE: Ordered = Ordered(false);
const BIG: Ordered = Ordered(true);

fn small_pcap() -> Vec<u8> {
    LITTLE.pcap(0xa1b2_c3d4, (2, 4), &[b"first", b"", b"third packet"])
}

fn small_pcapng() -> Vec<u8> {
    [
        LITTLE.section(),
        LITTLE.interface(1, 0, &[(2, b"client side"), (9, &[9])]),
        LITTLE.enhanced(0, 5, b"first"),
        LITTLE.block(0x0bad, b"whatever"),
        LITTLE.enhanced(0, 6, b"second packet"),
    ]
    .concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[test]
fn pcap_is_read_in_both_byte_orders_and_resolutions() {
    for order in [LITTLE, BIG] {
        for (magic, unit, digits) in [(0xa1b2_c3d4, 1000, 6), (0xa1b2_3c4d, 1, 9)] {
            let file = order.pcap(magic, (2, 4), &[b"first", b"second packet"]);
            let (seen, interfaces, error) = read(&file);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(interfaces[0].digits, digits);
            assert_eq!(interfaces[0].snaplen, 65535);
            assert_eq!(seen.len(), 2);
            assert_eq!(seen[1].nanos, 1_700_000_000_000_000_000 + unit);
            assert_eq!(seen[1].data, b"second packet");
            assert_eq!(seen[1].original_len, 17);
        }
    }
}

#[test]
fn records_with_interface_numbers_are_read() {
    let mut file = LITTLE.words(&[0xa1b2_cd34, 0x0004_0002, 0, 0, 65535, 1]);
    file.extend(LITTLE.words(&[1, 2, 5, 5, 3, 0]));
    file.extend(b"hello");
    let (seen, _, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(seen[0].data, b"hello");
}

#[test]
fn old_pcap_versions_have_their_lengths_the_other_way_round() {
    let mut file = BIG.pcap(0xa1b2_c3d4, (2, 2), &[]);
    file.extend(BIG.words(&[0, 0, 60, 5]));
    file.extend(b"hello");
    let (seen, _, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    assert_eq!((seen[0].data.len(), seen[0].original_len), (5, 60));
}

#[test]
fn every_cut_of_a_pcap_keeps_what_is_whole() {
    let file = small_pcap();
    for cut in 0..file.len() {
        let (seen, _, error) = read(&file[..cut]);
        // Whole records end at these bytes.
        let whole = [45, 61, 89].iter().filter(|end| **end <= cut).count();
        assert_eq!(seen.len(), whole, "cut at {cut}");
        match error {
            None => assert!([24, 45, 61].contains(&cut), "cut at {cut}"),
            Some(ReadError::Empty) => assert_eq!(cut, 0),
            Some(ReadError::NotACapture { start }) => assert_eq!(start, file[..cut]),
            Some(ReadError::Truncated { frame: 0, .. }) => assert!((4..24).contains(&cut)),
            Some(ReadError::Truncated { frame, offset }) => {
                assert_eq!(frame, whole as u64 + 1, "cut at {cut}");
                assert_eq!(offset, [24, 45, 61][whole], "cut at {cut}");
            }
            Some(other) => panic!("cut at {cut}: {other}"),
        }
    }
}

#[test]
fn an_impossible_length_is_damage() {
    let mut file = small_pcap();
    file.extend(LITTLE.words(&[0, 0, 0x7fff_ffff, 0x7fff_ffff]));
    file.extend(b"rest");
    let (seen, _, error) = read(&file);
    assert_eq!(seen.len(), 3);
    assert!(matches!(
        error,
        Some(ReadError::Damaged {
            frame: 3,
            offset: 89,
            ..
        })
    ));
}

#[test]
fn a_packet_larger_than_the_window_is_whole() {
    let large = vec![7; USUAL_SNAPLEN as usize];
    let file = LITTLE.pcap(0xa1b2_c3d4, (2, 4), &[b"small", &large, &large, b"small"]);
    let (seen, _, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[2].data, large);
}

#[test]
fn other_files_are_no_captures() {
    let (_, _, error) = read(b"GET / HTTP/1.1\r\n");
    assert!(matches!(error, Some(ReadError::NotACapture { .. })));
    let (_, _, error) = read(&gzip(b"GET / HTTP/1.1\r\n"));
    assert!(matches!(error, Some(ReadError::NotACapture { .. })));
    let (_, _, error) = read(b"");
    assert!(matches!(error, Some(ReadError::Empty)));
    let here = open(Path::new("."));
    assert!(matches!(here, Err(ReadError::Directory { .. })));
    let nowhere = open(Path::new("no/such/file"));
    assert!(matches!(nowhere, Err(ReadError::Open { .. })));
}

#[test]
fn pcapng_sections_have_their_own_order_interfaces_and_clocks() {
    let hour: [u8; 8] = 3600_u64.to_be_bytes();
    let file = [
        small_pcapng(),
        BIG.section(),
        BIG.interface(101, 0, &[(9, &[3]), (14, &hour)]),
        BIG.interface(276, 4, &[(2, b"server side")]),
        BIG.enhanced(0, 1500, b"big-endian"),
        // A simple packet: no time of its own, cut by its interface's snaplen, of which the first has none.
        BIG.block(3, &[BIG.words(&[6]), b"simple".to_vec()].concat()),
        // The obsolete packet block: 16 bits of interface, 16 of drops.
        BIG.block(
            2,
            &[BIG.words(&[0x0001_0000, 0, 77, 3, 9]), b"old".to_vec()].concat(),
        ),
    ]
    .concat();
    let (seen, interfaces, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    let names: Vec<_> = interfaces.iter().map(|one| one.name.as_deref()).collect();
    assert_eq!(names, [Some("client side"), None, Some("server side")]);
    let digits: Vec<_> = interfaces.iter().map(|one| one.digits).collect();
    assert_eq!(digits, [9, 3, 6]);
    let facts: Vec<_> = seen
        .iter()
        .map(|one| (one.interface, one.link, one.nanos, &one.data[..]))
        .collect();
    assert_eq!(
        facts,
        [
            (0, 1, 5, &b"first"[..]),
            (0, 1, 6, b"second packet"),
            (1, 101, 3_601_500_000_000, b"big-endian"),
            (1, 101, 3_601_500_000_000, b"simple"),
            (2, 276, 77_000, b"old"),
        ]
    );
    assert_eq!(seen[4].original_len, 9);
}

#[test]
fn every_cut_of_a_pcapng_keeps_what_is_whole() {
    let file = small_pcapng();
    let (all, ..) = read(&file);
    for cut in 4..file.len() {
        let (seen, _, error) = read(&file[..cut]);
        assert_eq!(seen, all[..seen.len()], "cut at {cut}");
        match error {
            // Blocks end here.
            None => assert!(cut % 4 == 0 && file[cut..].len() >= 12, "cut at {cut}"),
            Some(ReadError::Truncated { frame, .. }) => {
                assert!(frame == seen.len() as u64 + 1 || cut < 12, "cut at {cut}");
            }
            Some(other) => panic!("cut at {cut}: {other}"),
        }
    }
}

#[test]
fn damaged_pcapng_blocks_end_the_capture_with_a_reason() {
    let whole = small_pcapng();
    for (block, reason) in [
        (LITTLE.words(&[6, 13, 0, 0]), "a block of 13 bytes"),
        (LITTLE.words(&[6, u32::MAX, 0, 0]), "a block of 4294967295"),
        (
            LITTLE.words(&[9, 16, 0, 12]),
            "two lengths differ, 16 and 12",
        ),
        (LITTLE.enhanced(7, 0, b""), "interface 7"),
        (LITTLE.block(6, b"short"), "without its header"),
        (
            LITTLE.block(6, &LITTLE.words(&[0, 0, 0, 5, 5])),
            "room for 0",
        ),
        (
            LITTLE.words(&[0x0a0d_0d0a, 28, 0, 0]),
            "without a byte order",
        ),
    ] {
        let (seen, _, error) = read(&[whole.clone(), block].concat());
        assert_eq!(seen.len(), 2, "{reason}");
        let Some(ReadError::Damaged { frame: 2, what, .. }) = error else {
            panic!("{reason}: {error:?}");
        };
        assert!(what.contains(reason), "{what} says {reason}");
    }
}

#[test]
fn compressed_captures_are_read_through_all_members() {
    for file in [small_pcap(), small_pcapng()] {
        let (plain, ..) = read(&file);
        let (head, tail) = file.split_at(30);
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"any"].concat();
        for compressed in [
            [gzip(head), gzip(tail)].concat(),
            [zstd(head), skippable.clone(), zstd(tail)].concat(),
            [skippable, zstd(&file)].concat(),
        ] {
            let (seen, _, error) = read(&compressed);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(seen, plain);
        }
    }
}

#[test]
fn a_cut_compressed_capture_is_truncated_after_what_is_whole() {
    // Packets that do not compress to nothing, in more than one zstd block.
    let packets: Vec<Vec<u8>> = (0_u32..3000)
        .map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes().repeat(20))
        .collect();
    let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    let file = LITTLE.pcap(0xa1b2_c3d4, (2, 4), &packets);
    let (all, ..) = read(&file);
    for compressed in [gzip(&file), zstd(&file)] {
        let (seen, _, error) = read(&compressed[..compressed.len() * 4 / 5]);
        assert!(matches!(error, Some(ReadError::Truncated { .. })));
        assert!(seen.len() > 1000, "{} packets", seen.len());
        assert_eq!(seen, all[..seen.len()]);
        let (seen, _, error) = read(&compressed[..compressed.len() - 1]);
        assert!(matches!(error, Some(ReadError::Truncated { .. })));
        assert_eq!(seen, all, "only the checksum is cut");
    }
}

#[test]
fn an_enormous_zstd_window_is_refused() {
    // A frame header (RFC 8878, section 3.1.1.1) that asks for 2^40 bytes.
    let (_, _, error) = read(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 30 << 3, 1, 0, 0]);
    let Some(ReadError::Damaged { what, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(what.contains("window of 1099511627776 bytes"), "{what}");
}

/// A pipe whose writer writes so many bytes at a time.
struct Pipe {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.step.min(buffer.len()).min(self.bytes.len() - self.at);
        buffer[..len].copy_from_slice(&self.bytes[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

#[test]
fn a_pipe_gives_what_is_there_and_pauses_before_it_waits() {
    let file = small_pcap();
    let pipe = Pipe {
        bytes: file.clone(),
        at: 0,
        step: 24 + 21,
    };
    let mut source = from_input(input(pipe, true), no_progress()).unwrap();
    // The first write holds the header and the first record.
    assert!(matches!(source.next(), Ok(Next::Frame(f)) if f.number == 1));
    assert!(matches!(source.next(), Ok(Next::Pause)));
    // The second write holds all the rest.
    assert!(matches!(source.next(), Ok(Next::Frame(f)) if f.number == 2));
    assert!(matches!(source.next(), Ok(Next::Frame(f)) if f.number == 3));
    assert!(matches!(source.next(), Ok(Next::Pause)));
    assert!(matches!(source.next(), Ok(Next::End)));

    for bytes in [
        file,
        small_pcapng(),
        gzip(&small_pcap()),
        zstd(&small_pcap()),
    ] {
        let (all, ..) = read(&bytes);
        let (seen, _, error) = read_from(
            Pipe {
                bytes,
                at: 0,
                step: 1,
            },
            true,
        );
        assert!(error.is_none(), "{error:?}");
        assert_eq!(seen, all);
    }
}

#[test]
fn a_gzip_pipe_gives_packets_before_it_ends() {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&small_pcap()).unwrap();
    encoder.flush().unwrap();
    let flushed = encoder.get_ref().len();
    let pipe = Pipe {
        bytes: encoder.finish().unwrap(),
        at: 0,
        step: flushed,
    };
    let mut source = from_input(input(pipe, true), no_progress()).unwrap();
    for number in 1..=3 {
        assert!(matches!(source.next(), Ok(Next::Frame(f)) if f.number == number));
    }
}

/// Whoever has enough gets what was read, and no word of a cut.
#[test]
fn a_silent_pipe_can_be_ended() {
    // The second part is the beginning of a packet, of which the rest is waited for.
    for (file, half) in [
        (small_pcap(), &[0; 7][..]),
        (small_pcapng(), &[6, 0, 0, 0, 9]),
        (gzip(&small_pcap()), &[]),
        (zstd(&small_pcap()), &[]),
    ] {
        let packets = read(&file).0.len();
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(&file).unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(reader));
        let facts = pipe.metadata().unwrap();
        let stopping = None;
        let unread = Unread {
            file: pipe,
            facts,
            stopping,
        };
        let (stopper, stopping) = Stopper::new().unwrap();
        let mut source = unread.until(stopping).read().unwrap();
        let mut frames = 0;
        while frames < packets {
            frames += usize::from(matches!(source.next(), Ok(Next::Frame(_))));
        }
        writer.write_all(half).unwrap();
        let rest = std::thread::spawn(move || {
            loop {
                match source.next() {
                    Ok(Next::Pause) => {}
                    other => return other.map(|next| matches!(next, Next::End)),
                }
            }
        });
        stopper.stop();
        assert!(matches!(rest.join().unwrap(), Ok(true)));
        assert!(stopper.was_heard());
    }
}

#[test]
fn a_failing_read_is_reported_after_what_was_read() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }
    let (seen, _, error) = read_from(Cursor::new(small_pcap()).chain(Failing), false);
    assert_eq!(seen.len(), 3);
    assert!(matches!(error, Some(ReadError::Io { frame: 3, .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is changed in a file, reading it ends, without a panic, after frames that fit their own lengths.
    #[test]
    fn no_change_of_bytes_is_too_much(
        which in 0_usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = match which {
            0 => small_pcap(),
            1 => small_pcapng(),
            2 => gzip(&small_pcapng()),
            3 => zstd(&small_pcap()),
            4 => zstd(&small_pcapng().repeat(4)),
            _ => BIG.pcap(0xa1b2_3c4d, (2, 3), &[b"one", b"two"]),
        };
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file.truncate(file.len().min(cut.index(2 * file.len())));
        let (seen, interfaces, _) = read(&file);
        for one in seen {
            prop_assert!(one.data.len() <= one.original_len as usize);
            prop_assert!(usize::from(one.interface) < interfaces.len());
        }
    }
}
