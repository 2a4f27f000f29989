//! libpcap's filter language for frames that are here already.
//!
//! Comes in: an expression such as `tcp port 1712`, then frames. Goes out: whether each matches, exactly as `tcpdump`
//! decides on the same file. A program belongs to one link type; a [`FilterSet`] keeps one for each. Nothing here opens a
//! device. Names in an expression (`port http`) are looked up while compiling, so compile before a sandbox closes.

use std::ffi::c_int;

use super::{Frame, LinkType};

/// The expression is not one, in the words of libpcap.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the filter \"{expression}\" does not compile for {link}: {reason}")]
pub struct FilterError {
    /// As the user wrote it.
    pub expression: String,
    /// What the frames begin with: some expressions make sense for some link types only.
    pub link: LinkType,
    /// What libpcap says.
    pub reason: String,
}

/// An expression compiled for one link type.
pub struct Filter {
    program: pcap::BpfProgram,
}

impl Filter {
    /// Compiles an expression for frames that begin with `link`.
    ///
    /// # Errors
    /// When libpcap does not understand the expression, or has no filters for the link type.
    pub fn compile(expression: &str, link: LinkType) -> Result<Self, FilterError> {
        pcap::Capture::dead(pcap::Linktype(dlt(link)))
            .and_then(|dead| dead.compile(expression, true))
            .map(|program| Self { program })
            .map_err(|error| FilterError {
                expression: expression.to_owned(),
                link,
                reason: match error {
                    pcap::Error::PcapError(words) => words,
                    other => other.to_string(),
                },
            })
    }

    /// Whether the frame matches; `len`, `greater` and `less` see its length on the wire, not that of its captured part.
    #[must_use]
    pub fn matches(&self, frame: &Frame<'_>) -> bool {
        let header = PacketHeader {
            time: libc::timeval {
                tv_sec: 0,
                tv_usec: 0,
            },
            captured: frame.data.len() as u32,
            len: frame.original_len,
        };
        #[allow(
            unsafe_code,
            reason = "the safe wrapper passes the captured length for both lengths, so `greater 500` would miss packets \
                      cut by the snaplen"
        )]
        // SAFETY: `BpfProgram` is a transparent wrapper of libpcap's `bpf_program`, and ours is alive. The header is
        // laid out as libpcap's, and `captured` is the length of `data`, beyond which the interpreter does not read.
        unsafe {
            let program = std::ptr::from_ref(&self.program).cast();
            pcap_offline_filter(program, &raw const header, frame.data.as_ptr()) != 0
        }
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let instructions = self.program.get_instructions().len();
        write!(f, "Filter of {instructions} instructions")
    }
}

/// libpcap's `struct pcap_pkthdr`.
#[repr(C)]
struct PacketHeader {
    time: libc::timeval,
    captured: u32,
    len: u32,
}

/// libpcap's `struct bpf_program`, seen only by address.
#[repr(C)]
struct Program {
    _opaque: [u8; 0],
}

#[allow(
    unsafe_code,
    reason = "the one function of libpcap that the pcap crate does not wrap as it is"
)]
unsafe extern "C" {
    /// Linked by the pcap crate. Reads its arguments only, and may be called from several threads.
    fn pcap_offline_filter(
        program: *const Program,
        header: *const PacketHeader,
        data: *const u8,
    ) -> c_int;
}

/// libpcap's own number for a link type. Files use the public registry's, which differ for raw IP, where each system
/// once chose its own.
fn dlt(link: LinkType) -> i32 {
    const RAW: u16 = if cfg!(target_os = "openbsd") { 14 } else { 12 };
    match link {
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => i32::from(RAW),
        LinkType(other) => i32::from(other),
    }
}

/// An expression for a capture of any link types.
#[derive(Debug)]
pub struct FilterSet {
    expression: String,
    programs: Vec<(LinkType, Result<Filter, FilterError>)>,
    /// Where the latest frame's link type is in `programs`.
    latest: usize,
    inapplicable: Option<FilterError>,
    names_encapsulation: bool,
    unmatched_encapsulated: u64,
}

impl FilterSet {
    /// What is compiled at once: later, names could no longer be looked up.
    const USUAL: [LinkType; 9] = [
        LinkType::ETHERNET,
        LinkType::RAW,
        LinkType::LINUX_SLL,
        LinkType::LINUX_SLL2,
        LinkType::NULL,
        LinkType::LOOP,
        LinkType::PPP,
        LinkType::IPV4,
        LinkType::IPV6,
    ];

    /// Compiles an expression for the usual link types; for others it is compiled when the first such frame comes.
    ///
    /// # Errors
    /// When it compiles for none of them; the words are those for Ethernet.
    pub fn compile(expression: &str) -> Result<Self, FilterError> {
        let programs: Vec<_> = Self::USUAL
            .into_iter()
            .map(|link| (link, Filter::compile(expression, link)))
            .collect();
        if let Some((_, Err(first))) = programs.first()
            && programs.iter().all(|(_, program)| program.is_err())
        {
            return Err(first.clone());
        }
        Ok(Self {
            expression: expression.to_owned(),
            programs,
            latest: 0,
            inapplicable: None,
            names_encapsulation: names_encapsulation(expression),
            unmatched_encapsulated: 0,
        })
    }

    /// Whether the frame matches. None does whose link type the expression makes no sense for.
    pub fn matches(&mut self, frame: &Frame<'_>) -> bool {
        if self.programs[self.latest].0 != frame.link {
            self.latest = self.find(frame.link);
        }
        let matches = match &self.programs[self.latest].1 {
            Ok(filter) => filter.matches(frame),
            Err(error) => {
                self.inapplicable.get_or_insert_with(|| error.clone());
                false
            }
        };
        if !matches && !self.names_encapsulation && is_encapsulated(frame) {
            self.unmatched_encapsulated += 1;
        }
        matches
    }

    /// Why some frames could not match at all: the first link type seen for which the expression does not compile.
    #[must_use]
    pub fn inapplicable(&self) -> Option<&FilterError> {
        self.inapplicable.as_ref()
    }

    /// Whether frames may have been missed that the user meant: the expression does not speak of VLANs or tunnels, and
    /// frames with such headers did not match. libpcap looks for addresses and ports right after the link-layer header,
    /// so `tcp port 1712` never matches behind a VLAN tag, inside a tunnel, or in a later IP fragment.
    #[must_use]
    pub fn misses_encapsulated(&self) -> bool {
        self.unmatched_encapsulated > 0
    }

    /// How many frames [`Self::misses_encapsulated`] is about.
    #[must_use]
    pub fn unmatched_encapsulated(&self) -> u64 {
        self.unmatched_encapsulated
    }

    /// The index of a link type's program, which is compiled if it is new. The number of link types is bounded by their
    /// 16 bits.
    fn find(&mut self, link: LinkType) -> usize {
        if let Some(index) = self.programs.iter().position(|(known, _)| *known == link) {
            return index;
        }
        let program = Filter::compile(&self.expression, link);
        self.programs.push((link, program));
        self.programs.len() - 1
    }
}

/// Whether an expression speaks of what may stand between the link-layer header and the IP header of interest.
fn names_encapsulation(expression: &str) -> bool {
    const WORDS: [&str; 7] = ["vlan", "mpls", "pppoes", "pppoed", "geneve", "vxlan", "gre"];
    expression
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .any(|word| WORDS.contains(&word))
}

/// Whether an Ethernet or raw IP frame has a VLAN tag, an MPLS label, a `PPPoE` session or a second IP header, or is a
/// later fragment. A glance at fixed places; a wrong "no" costs a hint only.
fn is_encapsulated(frame: &Frame<'_>) -> bool {
    const TAGS: [u16; 5] = [0x8100, 0x88a8, 0x9100, 0x8847, 0x8864];
    const IPV4: u16 = 0x0800;
    let ip = match frame.link {
        LinkType::ETHERNET => {
            let Some(kind) = frame.data.get(12..14) else {
                return false;
            };
            match u16::from_be_bytes([kind[0], kind[1]]) {
                kind if TAGS.contains(&kind) => return true,
                IPV4 => &frame.data[14..],
                _ => return false,
            }
        }
        LinkType::RAW | LinkType::IPV4 => frame.data,
        _ => return false,
    };
    is_tunnel_or_fragment(ip)
}

fn is_tunnel_or_fragment(ip: &[u8]) -> bool {
    /// IP in IP, IPv6 in IP, GRE.
    const TUNNELS: [u8; 3] = [4, 41, 47];
    const UDP: u8 = 17;
    /// GTP-U, VXLAN, GENEVE.
    const TUNNEL_PORTS: [u16; 3] = [2152, 4789, 6081];
    let Some(header) = ip.first_chunk::<20>() else {
        return false;
    };
    if header[0] >> 4 != 4 {
        return false;
    }
    let offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    if offset != 0 || TUNNELS.contains(&header[9]) {
        return true;
    }
    let port = usize::from(header[0] & 0x0f) * 4 + 2;
    header[9] == UDP
        && ip
            .get(port..port + 2)
            .is_some_and(|port| TUNNEL_PORTS.contains(&u16::from_be_bytes([port[0], port[1]])))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails says where")]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    /// Ethernet, IPv4 and TCP from port 1712 to port 80, without options.
    const SEGMENT: [u8; 54] = {
        let mut bytes = [0; 54];
        bytes[12] = 0x08;
        bytes[14] = 0x45;
        bytes[17] = 40;
        bytes[23] = 6;
        bytes[34] = 0x06;
        bytes[35] = 0xb0;
        bytes[37] = 80;
        bytes[46] = 0x50;
        bytes
    };

    fn frame(link: LinkType, data: &[u8]) -> Frame<'_> {
        Frame {
            number: 1,
            time: Timestamp::default(),
            link,
            interface: 0,
            data,
            original_len: 1500,
        }
    }

    #[test]
    fn ports_match_whatever_the_link_type() {
        let mut filter = FilterSet::compile("tcp port 1712").unwrap();
        let sll2 = [&[0x08, 0][..], &[0; 18], &SEGMENT[14..]].concat();
        assert!(filter.matches(&frame(LinkType::ETHERNET, &SEGMENT)));
        assert!(filter.matches(&frame(LinkType::RAW, &SEGMENT[14..])));
        assert!(filter.matches(&frame(LinkType::IPV4, &SEGMENT[14..])));
        assert!(filter.matches(&frame(LinkType::LINUX_SLL2, &sll2)));
        assert!(filter.inapplicable().is_none());
        assert!(!filter.matches(&frame(LinkType(65_535), &SEGMENT)));
        let why = filter.inapplicable().map(|error| error.link);
        assert_eq!(why, Some(LinkType(65_535)));
        let mut other = FilterSet::compile("tcp port 1713").unwrap();
        assert!(!other.matches(&frame(LinkType::ETHERNET, &SEGMENT)));
        assert!(!other.misses_encapsulated());
    }

    #[test]
    fn length_is_that_on_the_wire() {
        let long = Filter::compile("greater 1500", LinkType::ETHERNET).unwrap();
        assert!(long.matches(&frame(LinkType::ETHERNET, &SEGMENT)));
        let longer = Filter::compile("len > 1500", LinkType::ETHERNET).unwrap();
        assert!(!longer.matches(&frame(LinkType::ETHERNET, &SEGMENT)));
    }

    #[test]
    fn no_frame_is_too_short() {
        let filter = Filter::compile("tcp[13] & 2 != 0 or port 80", LinkType::ETHERNET).unwrap();
        let mut set = FilterSet::compile("udp").unwrap();
        for len in 0..SEGMENT.len() {
            let frame = frame(LinkType::ETHERNET, &SEGMENT[..len]);
            assert!(len > 36 || !filter.matches(&frame), "{len} bytes");
            assert!(!set.matches(&frame), "{len} bytes");
        }
        assert!(filter.matches(&frame(LinkType::ETHERNET, &SEGMENT)));
    }

    #[test]
    fn what_does_not_compile_is_explained_by_libpcap() {
        let error = FilterSet::compile("tcp prot 80").unwrap_err();
        assert!(error.reason.contains("syntax error"), "{error}");
        let error = FilterSet::compile("tcp\0port").unwrap_err();
        assert!(!error.reason.is_empty());
        // Sensible for some link types only.
        assert!(FilterSet::compile("ether host 00:00:00:00:00:01").is_ok());
    }

    #[test]
    fn a_vlan_tag_or_tunnel_hides_ports() {
        let tagged = [&SEGMENT[..12], &[0x81, 0, 0, 5], &SEGMENT[12..]].concat();
        let tagged = frame(LinkType::ETHERNET, &tagged);
        let mut plain = FilterSet::compile("tcp port 1712").unwrap();
        assert!(!plain.matches(&tagged));
        assert!(plain.misses_encapsulated());
        let mut vlan = FilterSet::compile("vlan and tcp port 1712").unwrap();
        assert!(vlan.matches(&tagged));
        assert!(!vlan.matches(&frame(LinkType::ETHERNET, &SEGMENT)));
        assert!(!vlan.misses_encapsulated());

        let mut tunnel = SEGMENT;
        tunnel[23] = 47;
        let mut plain = FilterSet::compile("tcp port 1712").unwrap();
        assert!(!plain.matches(&frame(LinkType::ETHERNET, &tunnel)));
        assert_eq!(plain.unmatched_encapsulated(), 1);
    }
}
