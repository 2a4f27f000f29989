//! Saves frames to a capture file.
//!
//! Comes in: frames, the interfaces of their source, and a comment where there is one. Goes out: pcapng where the file's
//! name ends so, with one interface description for each interface that has a frame; else pcap with nanoseconds, which
//! has room for one link type and no comments. Frames keep their time, interface and original length. Whatever happens, the
//! file ends with a whole frame: a full disk, or the end of this process at any moment but while the system writes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::iter;
use std::path::{Path, PathBuf};

use arrayvec::ArrayVec;

use super::{Frame, Interface, LinkType};

/// Most records are short: gathering them saves system calls. When this much has gathered it is handed over.
const BUFFER: usize = 256 * 1024;

/// What is longer than this is handed over from where it is: copying it would cost more than the system call.
const LONG: usize = 16 * 1024;

/// Parts that a record ends with at most: a frame, its padding, options, and the record's length.
const PARTS: usize = 4;

/// What pcap files say of their longest packet, so that no reader thinks one of ours too long.
const SNAPLEN: u32 = 262_144;

/// Saving failed.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The file could not be created.
    #[error("cannot create {}: {error}", path.display())]
    Create {
        /// As the user wrote it.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file could not be written: a full disk, for one.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// As the user wrote it.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A pcap file can hold one link type only.
    #[error(
        "packet {frame} is of link type {second}, but a pcap file holds one type only, here {first}; save to {} instead",
        path.with_extension("pcapng").display()
    )]
    SecondLinkType {
        /// As the user wrote it.
        path: PathBuf,
        /// The packet that does not fit in.
        frame: u64,
        /// The file's link type.
        first: LinkType,
        /// That packet's link type.
        second: LinkType,
    },
}

/// A capture file that is being written.
#[derive(Debug)]
pub struct Saver {
    out: Gathered,
    path: PathBuf,
    format: Format,
}

/// Records that the system has not got yet. It gets whole ones only.
#[derive(Debug)]
struct Gathered {
    file: File,
    waiting: Vec<u8>,
    /// Where records end in `waiting`.
    ends: Vec<usize>,
    /// Bytes of the file, all of them of whole records.
    whole: u64,
}

#[derive(Debug)]
enum Format {
    /// With the link type, once it is known.
    Pcap(Option<LinkType>),
    Pcapng(Described),
}

/// The interfaces that a pcapng file describes so far, by what its frames call them.
#[derive(Debug, Default)]
struct Described {
    ids: HashMap<(u16, LinkType), u32>,
    /// Most frames are of the same interface as the one before.
    latest: Option<((u16, LinkType), u32)>,
}

impl Saver {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(path: &Path) -> Result<Self, SaveError> {
        let file = File::create(path).map_err(|error| SaveError::Create {
            path: path.to_owned(),
            error,
        })?;
        Self::new(file, path)
    }

    /// Saves to a file that is open already, which may be from before privileges were dropped. `path` is its name, and
    /// decides the format.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(file: File, path: &Path) -> Result<Self, SaveError> {
        let is_pcapng = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("pcapng"));
        let mut saver = Self {
            out: Gathered::new(file),
            path: path.to_owned(),
            format: if is_pcapng {
                Format::Pcapng(Described::default())
            } else {
                Format::Pcap(None)
            },
        };
        if is_pcapng {
            let appended = write_section(&mut saver.out);
            saver.check(appended)?;
        }
        Ok(saver)
    }

    /// Appends a frame. `interfaces` are those of its source, as known by now; `comment` is kept by pcapng only.
    ///
    /// # Errors
    /// When the file cannot be written, or is a pcap of another link type.
    pub fn write(
        &mut self,
        frame: &Frame<'_>,
        interfaces: &[Interface],
        comment: Option<&str>,
    ) -> Result<(), SaveError> {
        let out = &mut self.out;
        let appended = match &mut self.format {
            Format::Pcap(Some(first)) if *first != frame.link => {
                return Err(SaveError::SecondLinkType {
                    path: self.path.clone(),
                    frame: frame.number,
                    first: *first,
                    second: frame.link,
                });
            }
            Format::Pcap(Some(_)) => write_record(out, frame),
            Format::Pcap(link) => {
                *link = Some(frame.link);
                write_header(out, frame.link).and_then(|()| write_record(out, frame))
            }
            Format::Pcapng(described) => described
                .id(out, frame, interfaces)
                .and_then(|id| write_packet(out, id, frame, comment)),
        };
        self.check(appended)
    }

    /// Hands everything written so far to the system.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> Result<(), SaveError> {
        let flushed = self.out.flush();
        self.check(flushed)
    }

    /// Completes the file: without a frame it becomes a valid capture of nothing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<(), SaveError> {
        if matches!(self.format, Format::Pcap(None)) {
            let appended = write_header(&mut self.out, LinkType::ETHERNET);
            self.check(appended)?;
        }
        self.flush()
    }

    fn check(&self, written: io::Result<()>) -> Result<(), SaveError> {
        written.map_err(|error| SaveError::Write {
            path: self.path.clone(),
            error,
        })
    }
}

impl Gathered {
    fn new(file: File) -> Self {
        Self {
            file,
            waiting: Vec::with_capacity(BUFFER + BUFFER / 4),
            ends: Vec::new(),
            whole: 0,
        }
    }

    /// The beginning of a record.
    fn begin_record(&mut self, head: &[u8]) {
        self.waiting.extend_from_slice(head);
    }

    /// A record ends with these parts. Hands over what has gathered when that is much.
    fn end_record(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        if parts.iter().any(|part| part.len() >= LONG) {
            return self.hand_over(parts);
        }
        for part in parts {
            self.waiting.extend_from_slice(part);
        }
        self.ends.push(self.waiting.len());
        if self.waiting.len() < BUFFER {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_over(&[])
    }

    /// Hands everything over, and the last parts of the last record. What does not fit is lost, and the file ends with the last
    /// record that does.
    fn hand_over(&mut self, last: &[&[u8]]) -> io::Result<()> {
        let all = iter::once(&self.waiting[..]).chain(last.iter().copied());
        let parts: ArrayVec<_, { 1 + PARTS }> = all.map(IoSlice::new).collect();
        if !last.is_empty() {
            self.ends.push(parts.iter().map(|part| part.len()).sum());
        }
        let (written, result) = write_as_much_as_fits(&mut self.file, parts);
        let fitting = self.ends.partition_point(|end| *end <= written);
        let whole = fitting.checked_sub(1).map_or(0, |last| self.ends[last]);
        self.whole += whole as u64;
        if result.is_err() {
            // A pipe cannot be cut; there whoever reads has got the beginning of a record.
            let _ = self.file.set_len(self.whole);
        }
        self.waiting.clear();
        self.ends.clear();
        result
    }
}

/// How many bytes the system took, and why not all of them.
fn write_as_much_as_fits(
    file: &mut File,
    mut parts: ArrayVec<IoSlice<'_>, { 1 + PARTS }>,
) -> (usize, io::Result<()>) {
    let mut written = 0;
    let mut left = &mut parts[..];
    // Parts without a byte at the beginning would look like a file that takes nothing.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(more) => {
                written += more;
                IoSlice::advance_slices(&mut left, more);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

impl Described {
    /// The number of the frame's interface in our file; describes it first where that is new.
    fn id(
        &mut self,
        out: &mut Gathered,
        frame: &Frame<'_>,
        interfaces: &[Interface],
    ) -> io::Result<u32> {
        let key = (frame.interface, frame.link);
        if let Some((latest, id)) = self.latest
            && latest == key
        {
            return Ok(id);
        }
        let id = if let Some(id) = self.ids.get(&key) {
            *id
        } else {
            write_interface(out, frame.link, interfaces.get(usize::from(key.0)))?;
            let id = self.ids.len() as u32;
            self.ids.insert(key, id);
            id
        };
        self.latest = Some((key, id));
        Ok(id)
    }
}

/// The header of a pcap file with nanoseconds, in little-endian order like everything written here.
fn write_header(out: &mut Gathered, link: LinkType) -> io::Result<()> {
    const NANOSECONDS: u32 = 0xa1b2_3c4d;
    const VERSION: u32 = 4 << 16 | 2;
    let mut header = [0; 24];
    let words = [NANOSECONDS, VERSION, 0, 0, SNAPLEN, u32::from(link.0)];
    out.end_record(&[put(&mut header, &words)])
}

fn write_record(out: &mut Gathered, frame: &Frame<'_>) -> io::Result<()> {
    let mut header = [0; 16];
    // The format counts seconds from 1970 to 2106; what lies outside is moved to the nearer end.
    let seconds = frame.time.seconds().clamp(0, i64::from(u32::MAX)) as u32;
    let words = [
        seconds,
        frame.time.subsec_nanos(),
        frame.data.len() as u32,
        frame.original_len,
    ];
    out.begin_record(put(&mut header, &words));
    out.end_record(&[frame.data])
}

/// The section header block of a pcapng file; its length is not known beforehand.
fn write_section(out: &mut Gathered) -> io::Result<()> {
    const BYTE_ORDER: u32 = 0x1a2b_3c4d;
    const VERSION: u32 = 1;
    let mut block = [0; 28];
    let words = [0x0a0d_0d0a, 28, BYTE_ORDER, VERSION, u32::MAX, u32::MAX, 28];
    out.end_record(&[put(&mut block, &words)])
}

/// An interface description block: name, and time stamps in nanoseconds.
fn write_interface(
    out: &mut Gathered,
    link: LinkType,
    interface: Option<&Interface>,
) -> io::Result<()> {
    const NAME: u16 = 2;
    const TIME_RESOLUTION: u16 = 9;
    const NANOSECONDS: [u8; 1] = [9];
    let mut body = Vec::new();
    let snaplen = interface.map_or(0, |interface| interface.snaplen);
    body.extend(u32::from(link.0).to_le_bytes());
    body.extend(snaplen.to_le_bytes());
    if let Some(name) = interface.and_then(|interface| interface.name.as_deref()) {
        push_option(&mut body, NAME, name.as_bytes());
    }
    push_option(&mut body, TIME_RESOLUTION, &NANOSECONDS);
    push_option(&mut body, 0, &[]);
    let len = (body.len() + 12) as u32;
    out.begin_record(&1_u32.to_le_bytes());
    out.begin_record(&len.to_le_bytes());
    out.end_record(&[&body, &len.to_le_bytes()])
}

/// An enhanced packet block.
fn write_packet(
    out: &mut Gathered,
    interface: u32,
    frame: &Frame<'_>,
    comment: Option<&str>,
) -> io::Result<()> {
    const COMMENT: u16 = 1;
    const PADDING: [u8; 3] = [0; 3];
    let mut options = Vec::new();
    if let Some(comment) = comment {
        push_option(&mut options, COMMENT, within_option(comment).as_bytes());
        push_option(&mut options, 0, &[]);
    }
    let captured = frame.data.len();
    let padding = captured.next_multiple_of(4) - captured;
    let len = (32 + captured + padding + options.len()) as u32;
    // Time stamps are unsigned: what was before 1970 is moved there.
    let nanos = frame.time.as_nanos().max(0) as u64;
    let words = [
        6,
        len,
        interface,
        (nanos >> 32) as u32,
        nanos as u32,
        captured as u32,
        frame.original_len,
    ];
    let mut header = [0; 28];
    out.begin_record(put(&mut header, &words));
    out.end_record(&[
        frame.data,
        &PADDING[..padding],
        &options,
        &len.to_le_bytes(),
    ])
}

/// As much of a text as an option can hold, without half a character at its end.
fn within_option(text: &str) -> &str {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// An option with its padding; the end mark is the empty one of code 0.
fn push_option(options: &mut Vec<u8>, code: u16, value: &[u8]) {
    options.extend(code.to_le_bytes());
    options.extend((value.len() as u16).to_le_bytes());
    options.extend(value);
    options.resize(options.len().next_multiple_of(4), 0);
}

/// Little-endian numbers into an array of just their size.
fn put<'a>(bytes: &'a mut [u8], words: &[u32]) -> &'a [u8] {
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails says where")]
mod tests {
    use super::*;
    use crate::capture::{Next, open};
    use crate::time::Timestamp;

    fn frame(number: u64, link: LinkType, interface: u16, data: &[u8]) -> Frame<'_> {
        Frame {
            number,
            time: Timestamp::new(1_700_000_000, number as u32),
            link,
            interface,
            data,
            original_len: 100,
        }
    }

    fn side(name: &str) -> Interface {
        Interface {
            name: Some(name.to_owned()),
            link: LinkType::RAW,
            digits: 9,
            snaplen: 65535,
        }
    }

    /// Interface, link type, nanoseconds, captured bytes, original length.
    type Seen = (u16, u16, i64, Vec<u8>, u32);

    /// What our own reader finds in a file.
    fn read(path: &Path) -> (Vec<Seen>, Vec<Interface>) {
        let mut source = open(path).unwrap();
        let mut seen = Vec::new();
        while let Next::Frame(frame) = source.next().unwrap() {
            let nanos = frame.time.as_nanos();
            let data = frame.data.to_vec();
            let original_len = frame.original_len;
            seen.push((frame.interface, frame.link.0, nanos, data, original_len));
        }
        (seen, source.interfaces().to_vec())
    }

    #[test]
    fn pcapng_keeps_interfaces_and_times() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wire.pcapng");
        let sides = [side("client side"), side("server side")];
        let mut saver = Saver::create(&path).unwrap();
        for (number, interface, data) in [(1, 0, &b"12345"[..]), (2, 1, b""), (3, 0, b"1234")] {
            let frame = frame(number, LinkType::RAW, interface, data);
            saver.write(&frame, &sides, Some("a comment")).unwrap();
        }
        // A link type that its interface does not have gets a description of its own.
        let odd = frame(4, LinkType::ETHERNET, 1, b"1");
        saver.write(&odd, &sides, None).unwrap();
        saver.finish().unwrap();

        let (seen, interfaces) = read(&path);
        let start = 1_700_000_000_000_000_000;
        assert_eq!(
            seen,
            [
                (0, 101, start + 1, b"12345".to_vec(), 100),
                (1, 101, start + 2, b"".to_vec(), 100),
                (0, 101, start + 3, b"1234".to_vec(), 100),
                (2, 1, start + 4, b"1".to_vec(), 100),
            ]
        );
        assert_eq!(interfaces[..2], sides);
        assert_eq!(interfaces[2].link, LinkType::ETHERNET);
    }

    #[test]
    fn long_frames_stand_between_short_ones_whole_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let long = vec![7; LONG + 1];
        for name in ["long.pcap", "long.pcapng"] {
            let path = folder.path().join(name);
            let mut saver = Saver::create(&path).unwrap();
            for (number, data) in [(1, &b"short"[..]), (2, &long), (3, &long), (4, b"1")] {
                let frame = frame(number, LinkType::RAW, 0, data);
                saver.write(&frame, &[], Some("a comment")).unwrap();
            }
            saver.finish().unwrap();
            let lengths: Vec<usize> = read(&path).0.iter().map(|seen| seen.3.len()).collect();
            assert_eq!(lengths, [5, LONG + 1, LONG + 1, 1], "{name}");
        }
    }

    #[test]
    fn libpcap_reads_what_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one.pcap", "one.pcapng"] {
            let path = folder.path().join(name);
            let mut saver = Saver::create(&path).unwrap();
            for number in 1..=3 {
                let frame = frame(number, LinkType::ETHERNET, 0, b"some bytes");
                saver.write(&frame, &[], Some("ä comment")).unwrap();
            }
            saver.finish().unwrap();
            let precision = pcap::Precision::Nano;
            let mut capture = pcap::Capture::from_file_with_precision(&path, precision).unwrap();
            assert_eq!(capture.get_datalink(), pcap::Linktype::ETHERNET);
            for number in 1..=3 {
                let packet = capture.next_packet().unwrap();
                assert_eq!(packet.data, b"some bytes");
                assert_eq!((packet.header.len, packet.header.ts.tv_usec), (100, number));
            }
            let end = capture.next_packet();
            assert!(matches!(end, Err(pcap::Error::NoMorePackets)));
        }
    }

    #[test]
    fn a_second_link_type_does_not_fit_in_a_pcap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mixed.pcap");
        let mut saver = Saver::create(&path).unwrap();
        let first = frame(1, LinkType::ETHERNET, 0, b"1");
        let second = frame(2, LinkType::RAW, 1, b"2");
        saver.write(&first, &[], None).unwrap();
        let error = saver.write(&second, &[], None).unwrap_err();
        assert!(error.to_string().contains("mixed.pcapng"), "{error}");
        saver.finish().unwrap();
        assert_eq!(read(&path).0.len(), 1);
    }

    #[test]
    fn a_capture_of_nothing_is_valid() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["none.pcap", "none.pcapng"] {
            let path = folder.path().join(name);
            Saver::create(&path).unwrap().finish().unwrap();
            assert_eq!(read(&path).0.len(), 0);
        }
    }

    #[test]
    fn long_comments_are_cut_between_characters() {
        let text = "ä".repeat(40_000);
        assert_eq!(within_option(&text).len(), 65_534);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_when_flushing() {
        let mut saver = Saver::create(Path::new("/dev/full")).unwrap();
        let one = frame(1, LinkType::RAW, 0, b"1");
        saver.write(&one, &[], None).unwrap();
        let error = saver.flush().unwrap_err();
        assert!(matches!(error, SaveError::Write { .. }), "{error}");
    }
}
