//! A capture file from its first byte to every page about it.

#![no_main]

use std::io::Cursor;

use handshake_watch::capture;
use handshake_watch_fuzz::chance::Chance;
use handshake_watch_fuzz::drive::{Manner, drive};
use handshake_watch_fuzz::mutate::mutate;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| {
    // How it is looked at depends on the length alone, so that a corpus of captures stays one.
    let mut manner = Manner::any(&mut Chance::Seeded(data.len() as u64 % 64));
    manner.told = 200;
    if let Ok(source) = capture::recorded(Cursor::new(data.to_vec())) {
        drive(source, &manner);
    }
});

// Bytes at random rarely get past a record's length; half of the inputs are damaged with understanding.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed.is_multiple_of(2) {
        return fuzzer_mutate(data, size, max_size);
    }
    let damaged = mutate(
        &data[..size],
        &data[..size],
        &mut Chance::Seeded(u64::from(seed)),
    );
    let size = damaged.len().min(max_size);
    data[..size].copy_from_slice(&damaged[..size]);
    size
});
