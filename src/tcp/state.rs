//! The eleven connection states of RFC 9293 section 3.3.2. What is not known is an `Option`, not a twelfth state.

use std::fmt;

/// A connection state of one end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TcpState {
    /// Waiting for a connection request from any remote peer.
    Listen,
    /// Sent a SYN, waiting for the matching one.
    SynSent,
    /// Sent and received a SYN, waiting for the acknowledgment of its own.
    SynReceived,
    /// Open: data may flow both ways.
    Established,
    /// Sent a FIN, waiting for its acknowledgment or the peer's FIN.
    FinWait1,
    /// Its FIN was acknowledged, waiting for the peer's FIN.
    FinWait2,
    /// Received the peer's FIN, the local program has not closed yet.
    CloseWait,
    /// Both sent a FIN at once; waiting for the acknowledgment of its own.
    Closing,
    /// Sent its FIN after the peer's, waiting for the acknowledgment.
    LastAck,
    /// Waiting for old segments to die out (twice the maximum segment lifetime).
    TimeWait,
    /// No connection.
    Closed,
}

impl TcpState {
    /// All eleven, in the order of the RFC.
    pub const ALL: [Self; 11] = [
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
        Self::Closed,
    ];

    /// The name as RFC 9293 spells it: `SYN-SENT`, `FIN-WAIT-1`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
            Self::Closed => "CLOSED",
        }
    }

    /// The handshake is complete as far as this end knows, and it has not gone away.
    #[must_use]
    pub const fn is_synchronized(self) -> bool {
        !matches!(
            self,
            Self::Listen | Self::SynSent | Self::SynReceived | Self::Closed
        )
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
