//! Objects and items that are generated when they are read. They need one bit of memory for each deleted one.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Returns the number of a thing by its identifier.
type Locate<T> = dyn Fn(&T) -> Option<u64> + Send + Sync;

/// Numbered things that a function generates.
#[derive(Clone)]
pub(crate) struct Synthetic<T> {
    count: u64,
    make: Arc<dyn Fn(u64) -> T + Send + Sync>,
    locate: Option<Arc<Locate<T>>>,
    /// One bit for each deleted thing; as many words as the highest deleted number needs.
    gone: Vec<u64>,
    left: u64,
}

impl<T> Synthetic<T> {
    pub(crate) fn new(count: u64, make: impl Fn(u64) -> T + Send + Sync + 'static) -> Self {
        Self { count, make: Arc::new(make), locate: None, gone: Vec::new(), left: count }
    }

    /// The same, with a function that finds a thing's number by its identifier.
    pub(crate) fn located_by(mut self, locate: impl Fn(&T) -> Option<u64> + Send + Sync + 'static) -> Self {
        self.locate = Some(Arc::new(locate));
        self
    }

    /// The number and thing with this identifier, if it is not deleted.
    pub(crate) fn find(&self, wanted: &T, is_same: impl Fn(&T) -> bool) -> Option<(u64, T)> {
        let number = self.locate.as_ref()?(wanted)?;
        self.get(number).filter(is_same).map(|thing| (number, thing))
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The number of things that are not deleted.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The thing with this number; `None` if it is deleted or out of range.
    pub(crate) fn get(&self, number: u64) -> Option<T> {
        (number < self.count && !self.is_gone(number)).then(|| (self.make)(number))
    }

    /// The things in this range of numbers that are not deleted, with their numbers.
    pub(crate) fn range(&self, numbers: Range<u64>) -> impl Iterator<Item = (u64, T)> + '_ {
        (numbers.start..numbers.end.min(self.count)).filter_map(|number| Some((number, self.get(number)?)))
    }

    /// The lowest number, deleted or not, whose thing is not less than the one searched for. Requires ascending things.
    pub(crate) fn position(&self, is_before: impl Fn(&T) -> bool) -> u64 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(&(self.make)(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Deletes a thing.
    pub(crate) fn remove(&mut self, number: u64) {
        if number >= self.count || self.is_gone(number) {
            return;
        }
        let (word, bit) = place(number);
        if word >= self.gone.len() {
            self.gone.resize(word + 1, 0);
        }
        self.gone[word] |= bit;
        self.left -= 1;
    }

    fn is_gone(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.gone.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

fn place(number: u64) -> (usize, u64) {
    (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64))
}

impl<T> fmt::Debug for Synthetic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Synthetic").field("count", &self.count).field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_neither_made_nor_counted() {
        let mut numbers = Synthetic::new(1_000_000, |n| n * 2);
        for gone in [0, 63, 64, 999_999, 64, 1_000_000] {
            numbers.remove(gone);
        }
        assert_eq!(numbers.left(), 999_996);
        assert_eq!(numbers.range(62..66).collect::<Vec<_>>(), [(62, 124), (65, 130)]);
        assert_eq!((numbers.get(999_999), numbers.get(1_000_000)), (None, None));
        for (wanted, position) in [(0, 0), (1, 1), (2, 1), (1_999_998, 999_999), (5_000_000, 1_000_000)] {
            assert_eq!(numbers.position(|made| *made < wanted), position, "{wanted}");
        }
    }
}
