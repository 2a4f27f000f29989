//! Captures a take and saves it, once its packets are those that it is meant to show.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use handshake_watch::capture::live::{LiveSource, Settings};
use handshake_watch::capture::{Frame, Interface, LinkType, Next, Saver, Source};
use handshake_watch::decode::{self, Decoded};
use handshake_watch::lab::namespace;
use handshake_watch::time::Timestamp;

use crate::takes::{TAKES, Take};

/// How often a take is repeated before something else must be wrong.
const TRIES: usize = 50;
/// No take is longer than this.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A captured frame, kept until it is known whether the take is good.
struct Kept {
    time: Timestamp,
    link: LinkType,
    data: Vec<u8>,
    original_len: u32,
}

/// Records every take into `folder`, each in all of its formats.
pub(crate) fn record_all(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    namespace::enter()?;
    for take in TAKES {
        let (frames, interfaces) = good(take)?;
        for format in take.formats {
            save(
                &frames,
                &interfaces,
                &folder.join(take.name).with_extension(format),
            )?;
        }
        eprintln!("{}: {} packets", take.name, frames.len());
    }
    Ok(())
}

/// Repeats a take until its packets have the order that it is meant to show.
fn good(take: &Take) -> Result<(Vec<Kept>, Vec<Interface>), Box<dyn Error>> {
    let mut found = String::new();
    for _ in 0..TRIES {
        let (frames, interfaces) =
            capture(take).map_err(|error| format!("{}: {error}", take.name))?;
        found = flags(&frames);
        if take.packets.is_empty() || take.packets == found {
            return Ok((frames, interfaces));
        }
    }
    Err(format!(
        "{}: {TRIES} times something else than {}; the last time {found}",
        take.name, take.packets
    )
    .into())
}

/// Lets a take play while everything on the loopback is captured.
fn capture(take: &Take) -> Result<(Vec<Kept>, Vec<Interface>), Box<dyn Error>> {
    let mut source = LiveSource::open(&Settings {
        filter: Some(take.filter.to_owned()),
        ..Settings::default()
    })?;
    source.stop_after(TIME_LIMIT);
    let stopper = source.stopper();
    let play = take.play;
    let player = thread::spawn(move || {
        let played = play().map_err(|error| error.to_string());
        stopper.stop();
        played
    });
    let mut frames = Vec::new();
    loop {
        match source.next()? {
            Next::Frame(frame) => frames.push(Kept {
                time: frame.time,
                link: frame.link,
                data: frame.data.to_vec(),
                original_len: frame.original_len,
            }),
            Next::Pause => {}
            Next::End => break,
        }
    }
    player.join().map_err(|_| "the player failed")??;
    Ok((frames, source.interfaces().to_vec()))
}

/// The control bits of each segment in turn.
fn flags(frames: &[Kept]) -> String {
    let names: Vec<String> = (1..)
        .zip(frames)
        .map(|(number, kept)| match decode::frame(&kept.frame(number)) {
            Decoded::Segment(segment) => segment.flags.to_string(),
            other => format!("{other:?}"),
        })
        .collect();
    names.join(", ")
}

fn save(frames: &[Kept], interfaces: &[Interface], path: &Path) -> Result<(), Box<dyn Error>> {
    let mut saver = Saver::create(path)?;
    for (number, kept) in (1..).zip(frames) {
        saver.write(&kept.frame(number), interfaces, None)?;
    }
    saver.finish()?;
    Ok(())
}

impl Kept {
    fn frame(&self, number: u64) -> Frame<'_> {
        Frame {
            number,
            time: self.time,
            link: self.link,
            interface: 0,
            data: &self.data,
            original_len: self.original_len,
        }
    }
}
