//! A capture of a wire that is at work: as each frame comes, it is known whose other half it is, and whether it arrives.
//!
//! Comes in: the frames of both sides, and what the wire decides. Goes out: the same frames, each when the [`Twins`] have
//! learned of it. A frame waits until the wire has looked at its packet, which takes microseconds, and never for the time
//! that the packet is under way.

use std::sync::Arc;

use crate::app::twins::Twins;
use crate::capture::{Interface, Next, ReadError, Source};
use crate::lab::fates::Fates;
use crate::lab::network::is_sent;

/// A source whose frames are joined while they come.
pub(super) struct Follow {
    source: Box<dyn Source + Send>,
    twins: Arc<Twins>,
    fates: Arc<Fates>,
}

impl Follow {
    pub(super) fn new(
        source: Box<dyn Source + Send>,
        twins: Arc<Twins>,
        fates: Arc<Fates>,
    ) -> Self {
        Self {
            source,
            twins,
            fates,
        }
    }
}

impl Source for Follow {
    fn next(&mut self) -> Result<Next<'_>, ReadError> {
        Ok(self.next_with_interfaces()?.0)
    }

    fn next_with_interfaces(&mut self) -> Result<(Next<'_>, &[Interface]), ReadError> {
        let (next, interfaces) = self.source.next_with_interfaces()?;
        if let Next::Frame(frame) = &next {
            self.twins.learn(frame);
            if is_sent(frame.data) && !self.fates.arrives(frame.data) {
                self.twins.lose(frame.number);
            }
        }
        Ok((next, interfaces))
    }

    fn interfaces(&self) -> &[Interface] {
        self.source.interfaces()
    }

    fn held(&self) -> u64 {
        self.source.held()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.source.progress()
    }

    fn dropped(&self) -> u64 {
        self.source.dropped()
    }
}
