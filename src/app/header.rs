//! `replay --header --frame K`: the header of one packet, drawn.

use std::collections::HashMap;
use std::io::{self, Write};

use arrayvec::ArrayVec;

use super::exit::ExitCode;
use super::failure::Failure;
use super::output;
use super::pipeline;
use super::reader::Reader;
use super::replay;
use super::results::Results;
use super::sink::{Sink, Tracked};
use crate::cli::ReplayCommand;
use crate::decode;
use crate::explain::{HeaderView, Totals, header_view};
use crate::render::{self, Explain, Plural};
use crate::tcp::{Direction, RawHeader};
use crate::track::{Connection, ConnectionId};

/// The longest TCP header: a data offset of 15 words.
const LONGEST: usize = 60;

/// Draws the header of frame `frame`.
pub(super) fn header(
    command: &ReplayCommand,
    frame: u64,
    reader: Reader,
    mut results: Results<'_>,
) -> Result<ExitCode, Failure> {
    let view = find(command, frame, reader).map_err(|failure| results.stay_empty(failure))?;
    let (mut out, _) = results.begin()?;
    let style = output::style(&command.output, &out, Explain::Brief);
    let written = render::header::header(&view, &style, &mut out).and_then(|()| out.flush());
    match written.err().as_ref().and_then(Failure::output) {
        Some(failure) => Err(failure),
        None => Ok(ExitCode::Fine),
    }
}

/// Reads up to that frame.
fn find(
    command: &ReplayCommand,
    frame: u64,
    mut reader: Reader,
) -> Result<Box<HeaderView>, Failure> {
    reader.keep_frames = true;
    let mut finder = Finder {
        wanted: frame,
        latest: HashMap::new(),
        found: Found::Nothing,
    };
    let budget = replay::budget(command, &*reader.source, false);
    let tracker = replay::tracker(command, budget);
    let outcome = pipeline::run(reader, tracker, &mut finder, 1, None)
        .map_err(|error| Failure::new(ExitCode::Input, error))?;
    match finder.found {
        Found::View(view) => Ok(view),
        Found::Fragmented => Err(Failure::new(
            ExitCode::Usage,
            format_args!(
                "frame {frame} completes a fragmented packet, whose TCP header is in an earlier frame"
            ),
        )),
        Found::Cut => Err(Failure::new(
            ExitCode::Usage,
            format_args!("the capture cut off the end of frame {frame}'s TCP header"),
        )),
        Found::Nothing => match outcome.unreadable {
            Some(error) => Err(Failure::from(error)),
            None => Err(Failure::new(
                ExitCode::Usage,
                format_args!(
                    "frame {frame} holds no TCP segment in this capture of {}",
                    Plural(outcome.totals.frames, "packet")
                ),
            )),
        },
    }
}

/// What was found of the wanted frame.
enum Found {
    Nothing,
    Fragmented,
    Cut,
    View(Box<HeaderView>),
}

/// Remembers the latest header of each direction of each connection until the wanted frame comes. What is remembered is
/// bounded by the connections that the tracker keeps.
struct Finder {
    wanted: u64,
    latest: HashMap<(ConnectionId, Direction), (u64, ArrayVec<u8, LONGEST>)>,
    found: Found,
}

impl Sink for Finder {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        let (segment, change) = (tracked.segment, tracked.change);
        if self.satisfied() {
            return Ok(());
        }
        let header = tracked.frame.as_ref().and_then(decode::header);
        let key = (change.connection, change.direction);
        if segment.frame == self.wanted {
            let earlier = self.latest.get(&key);
            let earlier = earlier.and_then(|(frame, bytes)| Some((*frame, RawHeader::of(bytes)?)));
            self.found = match header {
                Some(header) => {
                    Found::View(Box::new(header_view(header, segment, change, earlier)))
                }
                None if segment.header_cut => Found::Cut,
                None => Found::Fragmented,
            };
        } else if let Some(header) = header {
            let bytes = header.bytes().take(LONGEST).collect();
            self.latest.insert(key, (segment.frame, bytes));
        }
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            self.latest.remove(&(connection.id(), direction));
        }
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        Ok(())
    }

    fn satisfied(&self) -> bool {
        !matches!(self.found, Found::Nothing)
    }
}
