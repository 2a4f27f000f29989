//! A list that grows without moving what is in it.
//!
//! Comes in: values, one after the other. Goes out: each at its number, which never changes. A vector would copy all of them
//! whenever it grows, because the allocator moves memory for nothing only where no cache line has to be kept; and each time
//! the kernel would have to clear as much fresh memory as there is already. Nothing is ever taken out.

use std::ops::{Index, IndexMut};

/// Values that are given room at once: some hundred kilobytes, which the kernel gives when they are written to.
const PAGE: usize = 1024;

/// Values by their number, from 0.
#[derive(Debug)]
pub(super) struct Pages<T> {
    /// All but the last are full.
    pages: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self {
            pages: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Pages<T> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts a value behind all others; its number.
    #[inline]
    pub(super) fn push(&mut self, value: T) -> u32 {
        let number = self.len;
        if number.is_multiple_of(PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        if let Some(last) = self.pages.last_mut() {
            last.push(value);
            self.len += 1;
        }
        number as u32
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let number = number as usize;
        self.pages.get(number / PAGE)?.get(number % PAGE)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }
}

impl<T> Index<u32> for Pages<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        &self.pages[number as usize / PAGE][number as usize % PAGE]
    }
}

impl<T> IndexMut<u32> for Pages<T> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.pages[number as usize / PAGE][number as usize % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_numbers_over_several_pages() {
        let mut pages = Pages::default();
        assert_eq!((pages.len(), pages.get(0)), (0, None));
        let count = 2 * PAGE as u32 + 1;
        for number in 0..count {
            assert_eq!(pages.push(number), number);
            assert_eq!(pages.len(), number as usize + 1);
        }
        pages[PAGE as u32] = 7;
        assert_eq!((pages[PAGE as u32 - 1], pages[PAGE as u32]), (1023, 7));
        assert_eq!(
            (pages.get(count - 1), pages.get(count)),
            (Some(&2048), None)
        );
        assert_eq!(pages.iter().count(), count as usize);
    }
}
