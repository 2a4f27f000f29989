//! Where frames come from and where they are saved.
//!
//! Comes in: a network interface (`live`), a capture file or pipe (`file`). Goes out: [`Frame`]s, borrowed, in capture
//! order. Nothing here looks past the record or block header: what the bytes mean is `decode`'s business.

mod error;
mod file;
mod filter;
mod link;
pub mod live;
mod save;
mod stop;

pub use error::ReadError;
pub use file::{Unread, open, recorded};
pub use filter::{Filter, FilterError, FilterSet};
pub use link::LinkType;
pub use save::{SaveError, Saver};
pub use stop::{Stopper, Stopping};

use crate::time::Timestamp;

/// One captured packet: borrowed bytes and what the capture says about them.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its number in the capture, from 1, as Wireshark counts. Only packets are counted, not other pcapng blocks.
    pub number: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// What `data` begins with.
    pub link: LinkType,
    /// Index of the interface in the file, over all sections; 0 where there is only one.
    pub interface: u16,
    /// The captured bytes.
    pub data: &'a [u8],
    /// Length on the wire in bytes; more than `data.len()` when the snaplen cut the packet.
    pub original_len: u32,
}

/// What a [`Source`] has next.
#[derive(Debug)]
pub enum Next<'a> {
    /// A packet.
    Frame(Frame<'a>),
    /// Nothing more for now: the next call may block until the input grows. Whoever prints should flush.
    Pause,
    /// The end of the input.
    End,
}

/// A stream of frames, from a file, a pipe or an interface.
pub trait Source {
    /// The next frame, a pause before blocking, or the end. After an error the source is at its end.
    ///
    /// # Errors
    /// When the input cannot be read further; every whole packet before that was returned.
    fn next(&mut self) -> Result<Next<'_>, ReadError>;

    /// Like [`Self::next`], together with [`Self::interfaces`], which the frame keeps out of reach otherwise: for saving.
    /// Unless a source says more, the list is empty.
    ///
    /// # Errors
    /// As for [`Self::next`].
    fn next_with_interfaces(&mut self) -> Result<(Next<'_>, &[Interface]), ReadError> {
        Ok((self.next()?, &[]))
    }

    /// Name and resolution of the interfaces seen so far, in the order of [`Frame::interface`].
    fn interfaces(&self) -> &[Interface];

    /// Bytes read so far and in all, for a progress display; `None` where the total is unknown.
    fn progress(&self) -> Option<(u64, u64)> {
        None
    }

    /// Bytes of memory that it may take beside its read buffer: to look back at what was compressed, or for packets that
    /// wait.
    fn held(&self) -> u64 {
        0
    }

    /// Packets that the capture itself lost so far because nobody took them in time. Files do not know.
    fn dropped(&self) -> u64 {
        0
    }
}

/// One capture interface as a file describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name, when the file gives one. Hostile text.
    pub name: Option<String>,
    /// What its frames begin with.
    pub link: LinkType,
    /// Decimal digits below a second that its time stamps carry: 6 or 9, rarely others.
    pub digits: u8,
    /// The longest captured part of a frame, in bytes; 0 is unlimited or unknown.
    pub snaplen: u32,
}
