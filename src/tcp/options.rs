//! The options of one TCP header, parsed into a value of fixed size.

use std::net::IpAddr;

use arrayvec::ArrayVec;

use super::SeqNumber;

bitflags::bitflags! {
    /// Which kinds of option the header carried.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct OptionsSeen: u16 {
        /// Maximum segment size, kind 2 (RFC 9293 section 3.7.1).
        const MSS = 1 << 0;
        /// Window scale, kind 3 (RFC 7323).
        const WINDOW_SCALE = 1 << 1;
        /// SACK permitted, kind 4 (RFC 2018).
        const SACK_PERMITTED = 1 << 2;
        /// SACK blocks, kind 5 (RFC 2018 section 3).
        const SACK = 1 << 3;
        /// Timestamps, kind 8 (RFC 7323).
        const TIMESTAMPS = 1 << 4;
        /// MD5 signature, kind 19 (RFC 2385).
        const MD5 = 1 << 5;
        /// Authentication, kind 29 (RFC 5925).
        const AO = 1 << 6;
        /// Multipath TCP, kind 30 (RFC 8684).
        const MPTCP = 1 << 7;
        /// Fast Open, kind 34, or experimental kind 254 with its magic number (RFC 7413).
        const FAST_OPEN = 1 << 8;
        /// Accurate ECN, kinds 172 and 174 (RFC 9768).
        const ACC_ECN = 1 << 9;
        /// User timeout, kind 28 (RFC 5482).
        const USER_TIMEOUT = 1 << 10;
        /// Any kind not listed here.
        const OTHER = 1 << 11;
        /// An option's length was impossible, or it ran past the header; what came before it stands.
        const MALFORMED = 1 << 12;
        /// The capture cut the options off; what came before the cut stands.
        const CUT = 1 << 13;
    }
}

/// One SACK block: the receiver has `left` up to, not including, `right`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SackBlock {
    /// First byte that was received.
    pub left: SeqNumber,
    /// The byte after the last one that was received.
    pub right: SeqNumber,
}

/// A Fast Open option.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FastOpen {
    /// Asks for a cookie.
    Request,
    /// Carries a cookie of this many bytes.
    Cookie(u8),
}

/// The options of one header. A field is only meaningful when its bit in `seen` is set, or is an `Option`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Which kinds were there.
    pub seen: OptionsSeen,
    /// Maximum segment size in bytes: what may follow the fixed headers, options and payload together (RFC 9293 section
    /// 3.7.1).
    pub mss: Option<u16>,
    /// Window scale shift as sent; RFC 7323 caps its use at 14.
    pub window_scale: Option<u8>,
    /// Timestamp value and echo reply, in ticks of each sender's own clock (RFC 7323 section 3.2).
    pub timestamps: Option<(u32, u32)>,
    /// Fast Open cookie or request.
    pub fast_open: Option<FastOpen>,
    /// Subtype of the Multipath TCP option (RFC 8684 section 7.2).
    pub mptcp_subtype: Option<u8>,
    /// SACK blocks in the order of the header; four is all that fits.
    pub sack: ArrayVec<SackBlock, 4>,
}

impl Options {
    /// The subtype with which an end offers Multipath TCP (RFC 8684 section 3.1).
    pub const MP_CAPABLE: u8 = 0;
    /// The subtype that adds a path to a connection (RFC 8684 section 3.2).
    pub const MP_JOIN: u8 = 1;
    /// The subtype that acknowledges and maps the numbers of all paths (RFC 8684 section 3.3).
    pub const DSS: u8 = 2;
    /// The subtype that names another address (RFC 8684 section 3.4.1).
    pub const ADD_ADDR: u8 = 3;
}

/// The bytes that a segment to `address` may carry when its end names no MSS (RFC 9293 section 3.7.1): so much fits
/// through every path.
#[must_use]
pub const fn default_mss(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => 536,
        IpAddr::V6(_) => 1220,
    }
}
