//! Packets copied out of the kernel's ring, one after the other.

use crate::time::Timestamp;

/// Some packets: their bytes in one piece, and where each of them is.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    packets: Vec<Packet>,
    next: usize,
}

/// One packet of a batch.
#[derive(Clone, Copy)]
pub(super) struct Packet {
    pub(super) time: Timestamp,
    pub(super) original_len: u32,
    start: usize,
    len: usize,
}

impl Batch {
    /// Memory that it occupies.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.packets.len() * size_of::<Packet>()
    }

    /// Packets that were put in, taken out or not.
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether every packet has been taken out.
    pub(super) fn is_used_up(&self) -> bool {
        self.next >= self.packets.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        self.next = 0;
    }

    /// Gives back memory that only a burst needed.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        self.bytes.shrink_to(bytes);
        self.packets.shrink_to(bytes / size_of::<Packet>());
    }

    pub(super) fn push(&mut self, time: Timestamp, original_len: u32, data: &[u8]) {
        self.packets.push(Packet {
            time,
            original_len,
            start: self.bytes.len(),
            len: data.len(),
        });
        self.bytes.extend_from_slice(data);
    }

    /// Adds all packets of another batch, of which none was taken out, behind its own.
    pub(super) fn append(&mut self, other: &Self) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.packets
            .extend(other.packets.iter().map(|packet| Packet {
                start: packet.start + before,
                ..*packet
            }));
    }

    /// Takes out the next packet.
    pub(super) fn pop(&mut self) -> Option<(Packet, &[u8])> {
        let packet = *self.packets.get(self.next)?;
        self.next += 1;
        let data = self.bytes.get(packet.start..packet.start + packet.len)?;
        Some((packet, data))
    }

    /// Leaves out what was captured after `end`; whether there was anything.
    pub(super) fn cut_after(&mut self, end: Timestamp) -> bool {
        let before = self.packets.len();
        self.packets.retain(|packet| packet.time <= end);
        self.packets.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(packets: &[(i64, &str)]) -> Batch {
        let mut batch = Batch::default();
        for (nanos, data) in packets {
            batch.push(Timestamp::from_nanos(*nanos), 100, data.as_bytes());
        }
        batch
    }

    fn contents(mut batch: Batch) -> Vec<(i64, String)> {
        let mut contents = Vec::new();
        while let Some((packet, data)) = batch.pop() {
            let text = String::from_utf8_lossy(data).into_owned();
            contents.push((packet.time.as_nanos(), text));
        }
        contents
    }

    #[test]
    fn appended_packets_keep_their_bytes() {
        let mut first = batch(&[(1, "one"), (2, "")]);
        first.append(&batch(&[(3, "three"), (4, "four")]));
        let expected = [(1, "one"), (2, ""), (3, "three"), (4, "four")];
        assert_eq!(
            contents(first),
            expected.map(|(nanos, text)| (nanos, text.to_owned()))
        );
    }

    #[test]
    fn what_came_after_the_stop_is_left_out() {
        let mut batch = batch(&[(1, "before"), (5, "after"), (2, "before too")]);
        assert!(batch.cut_after(Timestamp::from_nanos(2)));
        assert!(!batch.cut_after(Timestamp::from_nanos(2)));
        assert_eq!(contents(batch).len(), 2);
    }
}
