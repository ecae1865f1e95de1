//! Sets of numbers as ranges.

/// A number that ranges are made of.
pub trait Bound: Copy + Ord + std::hash::Hash + std::fmt::Debug {
    /// The least.
    const MIN: Self;
    /// The greatest.
    const MAX: Self;
    /// The next one, if this is not the greatest.
    fn next(self) -> Option<Self>;
    /// The one before, if this is not the least.
    fn previous(self) -> Option<Self>;
}

macro_rules! bound {
    ($($number:ty),*) => {$(
        impl Bound for $number {
            const MIN: Self = <$number>::MIN;
            const MAX: Self = <$number>::MAX;
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    )*};
}
bound!(u8, u16, u32, u128);

/// A set of numbers: inclusive ranges, sorted, disjoint, and never side by side.
///
/// ```
/// use policy_core::netset::IntervalSet;
///
/// let set = IntervalSet::from_ranges([(80_u16, 80), (81, 90)]);
/// assert_eq!(set.ranges(), [(80, 90)]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntervalSet<T>(Vec<(T, T)>);

impl<T> Default for IntervalSet<T> {
    fn default() -> Self {
        IntervalSet(Vec::new())
    }
}

impl<T: Bound> IntervalSet<T> {
    /// No number.
    pub fn empty() -> Self {
        IntervalSet(Vec::new())
    }

    /// Every number.
    pub fn full() -> Self {
        IntervalSet(vec![(T::MIN, T::MAX)])
    }

    /// From the first to the last, both included; empty if the last is below the first.
    pub fn range(first: T, last: T) -> Self {
        if first <= last { IntervalSet(vec![(first, last)]) } else { IntervalSet::empty() }
    }

    /// The union of ranges in any order, which may overlap or be empty.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (T, T)>) -> Self {
        let mut all: Vec<(T, T)> =
            ranges.into_iter().filter(|(first, last)| first <= last).collect();
        all.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            push(&mut merged, first, last);
        }
        IntervalSet(merged)
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> &[(T, T)] {
        &self.0
    }

    /// Whether no number is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a number is in it.
    pub fn contains(&self, number: T) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= number);
        let before = after.checked_sub(1).and_then(|at| self.0.get(at));
        before.is_some_and(|(_, last)| number <= *last)
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        if other.is_empty() {
            return self.clone();
        }
        let mut merged = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(one), Some(two)) if one <= two => left.next(),
                (Some(_), None) => left.next(),
                _ => right.next(),
            };
            match next {
                Some((first, last)) => push(&mut merged, *first, *last),
                None => return IntervalSet(merged),
            }
        }
    }

    /// What is in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((first, last)), Some((other_first, other_last))) =
            (left.peek(), right.peek())
        {
            let (start, end) = (*first.max(other_first), *last.min(other_last));
            if start <= end {
                both.push((start, end));
            }
            if last <= other_last {
                left.next();
            } else {
                right.next();
            }
        }
        IntervalSet(both)
    }

    /// What is in the first only.
    pub fn difference(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return self.clone();
        }
        self.intersection(&other.complement())
    }

    /// What is not in it.
    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut start = Some(T::MIN);
        for (first, last) in &self.0 {
            if let (Some(start), Some(end)) = (start, first.previous())
                && start <= end
            {
                gaps.push((start, end));
            }
            start = last.next();
        }
        if let Some(start) = start {
            gaps.push((start, T::MAX));
        }
        IntervalSet(gaps)
    }

    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        let mut others = other.0.iter().peekable();
        self.0.iter().all(|(first, last)| {
            while others.next_if(|(_, other_last)| other_last < first).is_some() {}
            others
                .peek()
                .is_some_and(|(other_first, other_last)| other_first <= first && last <= other_last)
        })
    }

    /// Whether a number is in both.
    pub fn intersects(&self, other: &Self) -> bool {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((first, last)), Some((other_first, other_last))) =
            (left.peek(), right.peek())
        {
            if first.max(other_first) <= last.min(other_last) {
                return true;
            }
            if last <= other_last {
                left.next();
            } else {
                right.next();
            }
        }
        false
    }
}

/// Adds a range that begins no earlier than the ones before it.
fn push<T: Bound>(ranges: &mut Vec<(T, T)>, first: T, last: T) {
    match ranges.last_mut() {
        Some((_, end)) if end.next().is_none_or(|next| first <= next) => *end = last.max(*end),
        _ => ranges.push((first, last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that the sets of these tests tell apart: both ends of the type, and a middle.
    const NUMBERS: [u8; 7] = [0, 1, 2, 3, 253, 254, 255];

    fn set(bits: u32) -> IntervalSet<u8> {
        let chosen = NUMBERS.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
        IntervalSet::from_ranges(chosen.map(|(_, number)| (*number, *number)))
    }

    #[test]
    fn laws_hold_of_every_pair_of_subsets() {
        for a in 0..1 << NUMBERS.len() {
            let one = set(a);
            assert_eq!(one.complement().complement(), one);
            for b in 0..1 << NUMBERS.len() {
                let two = set(b);
                assert_eq!(one.union(&two), set(a | b));
                assert_eq!(one.intersection(&two), set(a & b));
                assert_eq!(one.difference(&two), set(a & !b));
                assert_eq!(one.is_subset(&two), a & !b == 0);
                assert_eq!(one.intersects(&two), a & b != 0);
                assert_eq!(one == two, a == b);
            }
            for (at, number) in NUMBERS.iter().enumerate() {
                assert_eq!(one.contains(*number), a >> at & 1 == 1);
                assert_eq!(one.complement().contains(*number), a >> at & 1 == 0);
            }
            assert!(!one.contains(100));
        }
    }

    #[test]
    fn ranges_meet() {
        let met = IntervalSet::from_ranges([(5_u16, 9), (1, 4), (20, 10), (9, 12)]);
        assert_eq!(met.ranges(), [(1, 12)]);
        assert_eq!(IntervalSet::<u16>::empty().complement(), IntervalSet::full());
        assert!(IntervalSet::<u16>::full().complement().is_empty());
    }
}
