//! A script of the lab as a source of frames. Whoever shows it says that it is constructed.

use crate::capture::{Frame, Interface, LinkType, Next, ReadError, Source};
use crate::lab::script::{Script, ScriptFrame};

/// Digits below a second: scripts are written in nanoseconds.
const DIGITS: u8 = 9;

/// The frames of a script.
pub(crate) struct Scripted {
    frames: Vec<ScriptFrame>,
    given: usize,
    interfaces: [Interface; 1],
}

impl Scripted {
    pub(crate) fn new(script: &Script) -> Self {
        Self {
            frames: script.frames(),
            given: 0,
            interfaces: [Interface {
                name: Some("constructed".to_owned()),
                link: LinkType::RAW,
                digits: DIGITS,
                snaplen: 0,
            }],
        }
    }
}

impl Source for Scripted {
    fn next(&mut self) -> Result<Next<'_>, ReadError> {
        Ok(self.next_with_interfaces()?.0)
    }

    fn next_with_interfaces(&mut self) -> Result<(Next<'_>, &[Interface]), ReadError> {
        let Some(frame) = self.frames.get(self.given) else {
            return Ok((Next::End, &self.interfaces));
        };
        self.given += 1;
        let frame = Frame {
            number: self.given as u64,
            time: frame.time,
            link: LinkType::RAW,
            interface: 0,
            data: &frame.bytes,
            original_len: frame.bytes.len() as u32,
        };
        Ok((Next::Frame(frame), &self.interfaces))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }
}
