//! FTP announces its data connections in its commands: where they are to be expected.

use std::collections::VecDeque;

use crate::tcp::{Endpoint, FourTuple, Segment};

/// Announced data connections that are remembered: each is opened right after its announcement, so that few are due at
/// once; looking through these costs nothing where nobody speaks FTP.
const MOST: usize = 64;

/// The server's ports of an FTP session: of the connection that carries commands, and of data connections that it opens
/// (RFC 959 section 8).
const FTP: u16 = 21;
const FTP_DATA: u16 = 20;

/// Where a data connection was announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Announcement {
    endpoint: Endpoint,
    /// The client waits there for the server.
    by_client: bool,
}

/// Announcements that nothing came of yet, the latest last.
#[derive(Debug, Default)]
pub(super) struct Announced {
    due: VecDeque<Announcement>,
}

impl Announced {
    /// Remembers what a segment announces.
    pub(super) fn hear(&mut self, segment: &Segment) {
        let Some(port) = segment.announces else {
            return;
        };
        if self.due.len() >= MOST {
            self.due.pop_front();
        }
        self.due.push_back(Announcement {
            endpoint: Endpoint {
                address: segment.tuple.source.address,
                port: port.get(),
            },
            by_client: segment.tuple.destination.port == FTP,
        });
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// Whether a data connection with this first tuple is due. An announcement is good for one. To a client that waits, the
    /// server connects from a port of its own (RFC 959 section 3.2).
    pub(super) fn take(&mut self, tuple: &FourTuple) -> bool {
        let found = self.due.iter().position(|known| {
            known.endpoint == tuple.destination
                && (!known.by_client || tuple.source.port == FTP_DATA)
        });
        found.is_some_and(|index| self.due.remove(index).is_some())
    }
}
