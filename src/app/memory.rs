//! Frames that are held in memory: of a script, or of a short capture that has to be looked at twice.

use crate::capture::{Frame, Interface, LinkType, Next, ReadError, Source};
use crate::explain::CONSTRUCTED;
use crate::lab::script::Script;
use crate::time::Timestamp;

/// Digits below a second of a script's times.
const DIGITS: u8 = 9;

/// One frame.
struct Held {
    time: Timestamp,
    link: LinkType,
    interface: u16,
    original_len: u32,
    bytes: Vec<u8>,
}

/// Frames in their order, and a source of what follows. As a source it gives each of them once.
pub(crate) struct Memory {
    frames: Vec<Held>,
    interfaces: Vec<Interface>,
    given: usize,
    rest: Option<Box<dyn Source + Send>>,
    /// How the source ended, where it was read to its end.
    error: Option<ReadError>,
    /// Bytes that the held frames take.
    size: usize,
    /// Packets that the source lost, where it was read to its end.
    dropped: u64,
}

impl Memory {
    /// The frames of a script. Whoever shows them says that they are constructed.
    pub(crate) fn of_script(script: &Script) -> Self {
        let frames = script.frames().into_iter().map(|frame| Held {
            time: frame.time,
            link: LinkType::RAW,
            interface: 0,
            original_len: frame.bytes.len() as u32,
            bytes: frame.bytes,
        });
        Self {
            frames: frames.collect(),
            interfaces: vec![Interface {
                name: Some(CONSTRUCTED.to_owned()),
                link: LinkType::RAW,
                digits: DIGITS,
                snaplen: 0,
            }],
            given: 0,
            rest: None,
            error: None,
            size: 0,
            dropped: 0,
        }
    }

    /// A source that is to be read ahead.
    pub(crate) fn of(source: Box<dyn Source + Send>) -> Self {
        Self {
            frames: Vec::new(),
            interfaces: Vec::new(),
            given: 0,
            rest: Some(source),
            error: None,
            size: 0,
            dropped: 0,
        }
    }

    /// Holds frames until there are `count`, or so many bytes of them, or until the source ends.
    pub(crate) fn hold(&mut self, count: usize, bytes: usize) {
        while let Some(source) = &mut self.rest
            && self.frames.len() < count
            && self.size < bytes
        {
            match source.next() {
                Ok(Next::Frame(frame)) => {
                    self.size += frame.data.len() + size_of::<Held>();
                    self.frames.push(Held {
                        time: frame.time,
                        link: frame.link,
                        interface: frame.interface,
                        original_len: frame.original_len,
                        bytes: frame.data.to_vec(),
                    });
                }
                Ok(Next::Pause) => {}
                Ok(Next::End) => self.end(None),
                Err(error) => self.end(Some(error)),
            }
        }
    }

    fn end(&mut self, error: Option<ReadError>) {
        if let Some(source) = self.rest.take() {
            self.interfaces = source.interfaces().to_vec();
            self.dropped = source.dropped();
        }
        self.error = error;
    }

    /// Whether everything is held.
    pub(crate) fn is_whole(&self) -> bool {
        self.rest.is_none()
    }

    /// All held frames, in capture order.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.frames.iter().enumerate().map(frame)
    }
}

fn frame((index, held): (usize, &Held)) -> Frame<'_> {
    Frame {
        number: index as u64 + 1,
        time: held.time,
        link: held.link,
        interface: held.interface,
        data: &held.bytes,
        original_len: held.original_len,
    }
}

impl Source for Memory {
    fn next(&mut self) -> Result<Next<'_>, ReadError> {
        Ok(self.next_with_interfaces()?.0)
    }

    fn next_with_interfaces(&mut self) -> Result<(Next<'_>, &[Interface]), ReadError> {
        let index = self.given;
        if let Some(held) = self.frames.get(index) {
            self.given += 1;
            let interfaces = self.rest.as_ref().map(|rest| rest.interfaces());
            let interfaces = interfaces.unwrap_or(&self.interfaces);
            return Ok((Next::Frame(frame((index, held))), interfaces));
        }
        match (&mut self.rest, self.error.take()) {
            (Some(rest), _) => rest.next_with_interfaces(),
            (None, Some(error)) => Err(error),
            (None, None) => Ok((Next::End, &self.interfaces)),
        }
    }

    fn interfaces(&self) -> &[Interface] {
        match &self.rest {
            Some(rest) => rest.interfaces(),
            None => &self.interfaces,
        }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.rest.as_ref()?.progress()
    }

    fn held(&self) -> u64 {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.held());
        self.size as u64 + rest
    }

    fn dropped(&self) -> u64 {
        self.rest
            .as_ref()
            .map_or(self.dropped, |rest| rest.dropped())
    }
}
