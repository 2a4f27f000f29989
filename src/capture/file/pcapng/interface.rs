//! What an interface description block says: the link type, the name, and how time stamps are meant.

use super::Order;
use crate::capture::{Interface, LinkType};
use crate::time::Timestamp;

const NAME: u16 = 2;
const TIME_RESOLUTION: u16 = 9;
const TIME_OFFSET: u16 = 14;

/// Longer names are cut, so that a file of nothing but interfaces cannot fill the memory.
const LONGEST_NAME: usize = 256;

const NANOS: u64 = 1_000_000_000;

/// How the time stamps of an interface become nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Clock {
    unit: Unit,
    /// Seconds to add to every time stamp.
    offset: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    /// So many nanoseconds a tick.
    Nanos(u64),
    /// So many ticks a nanosecond.
    PerNano(u64),
    /// A second has two to this power of ticks.
    Binary(u32),
}

impl Clock {
    /// The instant `ticks` after the interface's epoch.
    #[inline]
    pub(super) fn time(&self, ticks: u64) -> Timestamp {
        let nanos = match self.unit {
            Unit::Nanos(nanos) => ticks.saturating_mul(nanos),
            Unit::PerNano(ticks_a_nano) => ticks / ticks_a_nano,
            Unit::Binary(power) => {
                let nanos = (u128::from(ticks) * u128::from(NANOS)) >> power;
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        let nanos = i64::try_from(nanos).unwrap_or(i64::MAX);
        let offset = self.offset.saturating_mul(NANOS as i64);
        Timestamp::from_nanos(nanos.saturating_add(offset))
    }
}

impl Unit {
    /// From the `if_tsresol` option, with the decimal digits it can tell apart, of which we keep nine.
    fn from_option(value: u8) -> (Self, u8) {
        let power = u32::from(value & 0x7f);
        if value & 0x80 != 0 {
            // A binary digit is worth 0.301 decimal ones.
            let digits = (power * 301).div_ceil(1000).min(9);
            return (Self::Binary(power), digits as u8);
        }
        let unit = if power <= 9 {
            Self::Nanos(10_u64.pow(9 - power))
        } else {
            // Ticks finer than 64 bits can count all mean the epoch.
            Self::PerNano(10_u64.checked_pow(power - 9).unwrap_or(u64::MAX))
        };
        (unit, power.min(9) as u8)
    }
}

/// Takes an interface description apart. Options that make no sense are passed over, as if they were not there.
pub(super) fn describe(body: &[u8], order: Order) -> Option<(Interface, Clock)> {
    const HEADER: usize = 8;
    if body.len() < HEADER {
        return None;
    }
    let mut interface = Interface {
        name: None,
        link: LinkType(order.u16(body, 0)),
        digits: 6,
        snaplen: order.u32(body, 4),
    };
    let mut clock = Clock {
        unit: Unit::Nanos(1000),
        offset: 0,
    };
    for (code, value) in options(&body[HEADER..], order) {
        match (code, value) {
            (NAME, name) if !name.is_empty() => {
                let name = &name[..name.len().min(LONGEST_NAME)];
                interface.name = Some(String::from_utf8_lossy(name).into_owned());
            }
            (TIME_RESOLUTION, [resolution, ..]) => {
                (clock.unit, interface.digits) = Unit::from_option(*resolution);
            }
            (TIME_OFFSET, offset) if offset.len() >= 8 => {
                let (high, low) = match order {
                    Order::Little => (order.u32(offset, 4), order.u32(offset, 0)),
                    Order::Big => (order.u32(offset, 0), order.u32(offset, 4)),
                };
                clock.offset = (u64::from(high) << 32 | u64::from(low)) as i64;
            }
            _ => {}
        }
    }
    Some((interface, clock))
}

/// The options of a block, without their padding, up to the end mark or to the first that does not fit.
fn options(mut rest: &[u8], order: Order) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        if rest.len() < 4 {
            return None;
        }
        let code = order.u16(rest, 0);
        let len = usize::from(order.u16(rest, 2));
        let value = rest.get(4..4 + len)?;
        rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        (code != 0).then_some((code, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions_become_nanoseconds() {
        for (option, ticks, nanos, digits) in [
            (0, 7, 7_000_000_000, 0),
            (3, 7, 7_000_000, 3),
            (6, 7, 7_000, 6),
            (9, 7, 7, 9),
            (12, 7_999, 7, 9),
            (127, 1_000, 0, 9),
            (0x80, 7, 7_000_000_000, 0),
            (0x80 | 0x0a, 512, 500_000_000, 4),
            (0xff, u64::MAX, 0, 9),
        ] {
            let (unit, shown) = Unit::from_option(option);
            let clock = Clock { unit, offset: 0 };
            assert_eq!(clock.time(ticks).as_nanos(), nanos, "if_tsresol {option}");
            assert_eq!(shown, digits, "if_tsresol {option}");
        }
    }

    #[test]
    fn extreme_clocks_saturate() {
        let clock = Clock {
            unit: Unit::Nanos(1_000_000_000),
            offset: i64::MIN,
        };
        assert!(clock.time(u64::MAX).as_nanos() < 0);
    }
}
