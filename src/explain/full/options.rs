//! Full sentences about the options of SYNs: what one end offers, and what both agreed on.

use std::fmt::{self, Write};

use crate::explain::words::{Bytes, List, Number};
use crate::tcp::{FastOpen, OptionsSeen, Segment, Side, default_mss};
use crate::track::Connection;

/// Shifts above this are used as this (RFC 7323 section 2.3).
const MAX_SHIFT: u8 = 14;

/// What a SYN offers.
pub(super) fn offers(out: &mut String, segment: &Segment) -> fmt::Result {
    let options = &segment.options;
    let none = options.mss.is_none() && !options.seen.contains(OptionsSeen::CUT);
    let default = default_mss(segment.tuple.source.address);
    write!(out, "It offers ")?;
    let mut list = List::new();
    if let Some(mss) = options.mss {
        list.next(
            out,
            format_args!(
                "to take segments of up to {} (MSS, section 3.7.1)",
                Bytes(u64::from(mss))
            ),
        )?;
    }
    if let Some(shift) = options.window_scale {
        list.next(
            out,
            format_args!(
                "to count later windows in units of {} (window scale {}, RFC 7323 section 2)",
                Number(1 << shift.min(MAX_SHIFT)),
                shift.min(MAX_SHIFT)
            ),
        )?;
    }
    for (option, words) in [
        (
            OptionsSeen::SACK_PERMITTED,
            "selective ACKs (RFC 2018 section 2)",
        ),
        (OptionsSeen::TIMESTAMPS, "timestamps (RFC 7323 section 3)"),
        (OptionsSeen::MPTCP, "Multipath TCP (RFC 8684 section 3)"),
        (OptionsSeen::MD5, "an MD5 signature (RFC 2385)"),
        (OptionsSeen::AO, "authentication (TCP-AO, RFC 5925)"),
        (
            OptionsSeen::USER_TIMEOUT,
            "a user timeout (RFC 5482 section 3)",
        ),
        (OptionsSeen::OTHER, "options that are not explained here"),
    ] {
        if options.seen.contains(option) {
            list.next(out, format_args!("{words}"))?;
        }
    }
    if let Some(FastOpen::Cookie(len)) = options.fast_open {
        list.next(
            out,
            format_args!("a Fast Open cookie of {len} bytes (RFC 7413 section 4.1.1)"),
        )?;
    }
    if options.seen.contains(OptionsSeen::CUT) {
        list.next(out, format_args!("what the capture has cut off"))?;
    }
    let but = if list.is_empty() {
        "; without an MSS"
    } else {
        ", but no MSS, so"
    };
    list.end(out)?;
    if none {
        write!(out, "{but} {default} bytes are assumed (section 3.7.1)")?;
    }
    write!(
        out,
        "; its window of {} is not scaled in a SYN. ",
        Bytes(u64::from(segment.window))
    )
}

/// What both SYNs together agreed on, and how large segments may be in each direction.
pub(super) fn agreed(out: &mut String, connection: &Connection) -> fmt::Result {
    let Some(agreed) = connection.negotiated() else {
        return Ok(());
    };
    let offer = |side| connection.peer(side).offer.unwrap_or_default();
    let (client, server) = (offer(Side::Client), offer(Side::Server));
    let scale = |shift: Option<u8>| shift.unwrap_or_default().min(MAX_SHIFT);
    let in_use = |option| agreed.options.contains(option);
    let any = OptionsSeen::WINDOW_SCALE
        .union(OptionsSeen::SACK_PERMITTED)
        .union(OptionsSeen::TIMESTAMPS);
    if agreed.options.intersects(any) {
        write!(out, "In use, because both SYNs offer it: ")?;
        let mut list = List::new();
        if in_use(OptionsSeen::WINDOW_SCALE) {
            list.next(
                out,
                format_args!(
                    "window scaling (client × 2^{}, server × 2^{})",
                    scale(client.window_scale),
                    scale(server.window_scale)
                ),
            )?;
        }
        if in_use(OptionsSeen::SACK_PERMITTED) {
            list.next(out, format_args!("selective ACKs"))?;
        }
        if in_use(OptionsSeen::TIMESTAMPS) {
            list.next(out, format_args!("timestamps"))?;
        }
        list.end(out)?;
    } else {
        write!(
            out,
            "Neither window scaling nor selective ACKs nor timestamps are in use"
        )?;
    }
    match (client.mss, server.mss) {
        (Some(client), Some(server)) => write!(
            out,
            "; each end names its own MSS, {} the client, {} the server (section 3.7.1). ",
            Number(u64::from(client)),
            Number(u64::from(server))
        ),
        _ => write!(out, ". "),
    }
}
