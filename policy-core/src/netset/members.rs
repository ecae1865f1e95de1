//! Sets of indices.

/// A set of `u32` indices.
///
/// It is kept as runs or as bits, whichever is smaller by its content alone, so `==` is set
/// equality, and neither a full set of 100,000 nor a set of two costs much.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Members(Form);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    /// Inclusive, sorted, disjoint, never side by side; no more of them than `Bits` had words.
    Runs(Box<[(u32, u32)]>),
    /// The last word is not 0; more runs in it than words.
    Bits(Box<[u64]>),
}

const WORD: u32 = u64::BITS;

impl Default for Members {
    fn default() -> Members {
        Members::empty()
    }
}

impl Members {
    /// Nobody.
    pub fn empty() -> Members {
        Members(Form::Runs([].into()))
    }

    /// One.
    pub fn single(index: u32) -> Members {
        Members(Form::Runs([(index, index)].into()))
    }

    /// From the first to the last, both included; nobody if the last is below the first.
    pub fn range(first: u32, last: u32) -> Members {
        if first <= last { Members(Form::Runs([(first, last)].into())) } else { Members::empty() }
    }

    /// Whether an index is in it.
    pub fn contains(&self, index: u32) -> bool {
        match &self.0 {
            Form::Runs(runs) => {
                let after = runs.partition_point(|(first, _)| *first <= index);
                let run = after.checked_sub(1).and_then(|at| runs.get(at));
                run.is_some_and(|(_, last)| index <= *last)
            }
            Form::Bits(words) => {
                let word = words.get((index / WORD) as usize);
                word.is_some_and(|word| word >> (index % WORD) & 1 == 1)
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Runs(runs) => runs.iter().map(|(first, last)| (last - first) as usize + 1).sum(),
            Form::Bits(words) => words.iter().map(|word| word.count_ones() as usize).sum(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Form::Runs(runs) if runs.is_empty())
    }

    /// The least.
    pub fn first(&self) -> Option<u32> {
        match &self.0 {
            Form::Runs(runs) => runs.first().map(|(first, _)| *first),
            Form::Bits(_) => self.iter().next(),
        }
    }

    /// Each, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let (runs, words): (&[(u32, u32)], &[u64]) = match &self.0 {
            Form::Runs(runs) => (runs, &[]),
            Form::Bits(words) => (&[], words),
        };
        let in_runs = runs.iter().flat_map(|(first, last)| *first..=*last);
        let in_words =
            (0_u32..).zip(words).flat_map(|(at, word)| Ones(*word).map(move |bit| at * WORD + bit));
        in_runs.chain(in_words)
    }

    /// What is in either.
    pub fn union(&self, other: &Members) -> Members {
        match (&self.0, &other.0) {
            (_, Form::Runs(none)) if none.is_empty() => self.clone(),
            (Form::Runs(none), _) if none.is_empty() => other.clone(),
            (Form::Runs(one), Form::Runs(two)) => of_runs(union_runs(one, two)),
            (Form::Bits(words), Form::Runs(runs)) | (Form::Runs(runs), Form::Bits(words)) => {
                let mut all = words.to_vec();
                fill(&mut all, runs);
                of_words(all)
            }
            (Form::Bits(one), Form::Bits(two)) => {
                let (long, short) = if one.len() >= two.len() { (one, two) } else { (two, one) };
                let mut all = long.to_vec();
                for (word, other) in all.iter_mut().zip(short.iter()) {
                    *word |= other;
                }
                of_words(all)
            }
        }
    }

    /// What is in any of them.
    pub fn union_all<'a>(sets: impl IntoIterator<Item = &'a Members>) -> Members {
        let mut sets = sets.into_iter();
        let Some(first) = sets.next() else { return Members::empty() };
        let Some(second) = sets.next() else { return first.clone() };
        let mut words = first.words();
        for set in std::iter::once(second).chain(sets) {
            match &set.0 {
                Form::Runs(runs) => fill(&mut words, runs),
                Form::Bits(other) => {
                    if words.len() < other.len() {
                        words.resize(other.len(), 0);
                    }
                    for (word, other) in words.iter_mut().zip(other.iter()) {
                        *word |= other;
                    }
                }
            }
        }
        of_words(words)
    }

    /// What is in both.
    pub fn intersection(&self, other: &Members) -> Members {
        match (&self.0, &other.0) {
            (Form::Runs(one), Form::Runs(two)) => of_runs(intersect_runs(one, two)),
            (Form::Bits(words), Form::Runs(runs)) | (Form::Runs(runs), Form::Bits(words)) => {
                let reach = runs.last().map_or(0, |(_, last)| (*last / WORD) as usize + 1);
                let mut both = vec![0; reach.min(words.len())];
                for_each_word(runs, |at, mask| {
                    if let (Some(own), Some(word)) = (both.get_mut(at), words.get(at)) {
                        *own |= word & mask;
                    }
                });
                of_words(both)
            }
            (Form::Bits(one), Form::Bits(two)) => {
                of_words(one.iter().zip(two.iter()).map(|(one, two)| one & two).collect())
            }
        }
    }

    /// What is in the first only.
    pub fn difference(&self, other: &Members) -> Members {
        match (&self.0, &other.0) {
            (_, Form::Runs(none)) if none.is_empty() => self.clone(),
            (Form::Runs(one), Form::Runs(two)) => of_runs(subtract_runs(one, two)),
            (Form::Bits(words), Form::Runs(runs)) => {
                let mut left = words.to_vec();
                for_each_word(runs, |at, mask| {
                    if let Some(word) = left.get_mut(at) {
                        *word &= !mask;
                    }
                });
                of_words(left)
            }
            (_, Form::Bits(other)) => {
                let mut left = self.words();
                for (word, other) in left.iter_mut().zip(other.iter()) {
                    *word &= !other;
                }
                of_words(left)
            }
        }
    }

    /// Whether someone is in both.
    pub fn intersects(&self, other: &Members) -> bool {
        match (&self.0, &other.0) {
            (Form::Bits(one), Form::Bits(two)) => {
                one.iter().zip(two.iter()).any(|(one, two)| one & two != 0)
            }
            (Form::Runs(one), Form::Runs(two)) => {
                let (mut left, mut right) = (one.iter().peekable(), two.iter().peekable());
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
            (Form::Bits(words), Form::Runs(runs)) | (Form::Runs(runs), Form::Bits(words)) => {
                let mut found = false;
                for_each_word(runs, |at, mask| {
                    found |= words.get(at).is_some_and(|word| word & mask != 0);
                });
                found
            }
        }
    }

    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &Members) -> bool {
        self.difference(other).is_empty()
    }

    /// The set with one more.
    pub fn with(&self, index: u32) -> Members {
        self.union(&Members::single(index))
    }

    /// The set with one less.
    pub fn without(&self, index: u32) -> Members {
        self.difference(&Members::single(index))
    }

    fn words(&self) -> Vec<u64> {
        match &self.0 {
            Form::Bits(words) => words.to_vec(),
            Form::Runs(runs) => {
                let mut words = Vec::new();
                fill(&mut words, runs);
                words
            }
        }
    }
}

impl FromIterator<u32> for Members {
    /// Of indices in any order.
    fn from_iter<I: IntoIterator<Item = u32>>(indices: I) -> Members {
        let mut all: Vec<u32> = indices.into_iter().collect();
        if !all.is_sorted() {
            all.sort_unstable();
        }
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for index in all {
            push(&mut runs, index, index);
        }
        of_runs(runs)
    }
}

/// The ones of a word, by place.
struct Ones(u64);

impl Iterator for Ones {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

/// Adds a run that begins no earlier than the ones before it.
fn push(runs: &mut Vec<(u32, u32)>, first: u32, last: u32) {
    match runs.last_mut() {
        Some((_, end)) if end.checked_add(1).is_none_or(|next| first <= next) => {
            *end = last.max(*end);
        }
        _ => runs.push((first, last)),
    }
}

fn union_runs(one: &[(u32, u32)], two: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut all = Vec::with_capacity(one.len() + two.len());
    let (mut left, mut right) = (one.iter().peekable(), two.iter().peekable());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if a <= b => left.next(),
            (Some(_), None) => left.next(),
            _ => right.next(),
        };
        match next {
            Some((first, last)) => push(&mut all, *first, *last),
            None => return all,
        }
    }
}

fn intersect_runs(one: &[(u32, u32)], two: &[(u32, u32)]) -> Vec<(u32, u32)> {
    // A few runs among many: look them up instead of walking past all.
    let (few, many) = if one.len() <= two.len() { (one, two) } else { (two, one) };
    let mut both = Vec::new();
    for (first, last) in few {
        let from = many.partition_point(|(_, other_last)| other_last < first);
        let reach = many.iter().skip(from).take_while(|(other_first, _)| other_first <= last);
        for (other_first, other_last) in reach {
            both.push((*first.max(other_first), *last.min(other_last)));
        }
    }
    both
}

fn subtract_runs(one: &[(u32, u32)], two: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut left = Vec::new();
    for (first, last) in one {
        let mut start = Some(*first);
        let from = two.partition_point(|(_, other_last)| other_last < first);
        let reach = two.iter().skip(from).take_while(|(other_first, _)| other_first <= last);
        for (other_first, other_last) in reach {
            if let Some(begin) = start.filter(|begin| begin < other_first) {
                left.push((begin, other_first - 1));
            }
            start = other_last.checked_add(1).filter(|next| next <= last);
        }
        if let Some(begin) = start {
            left.push((begin, *last));
        }
    }
    left
}

/// Calls back for each word that runs touch, with the bits that they cover there.
fn for_each_word(runs: &[(u32, u32)], mut f: impl FnMut(usize, u64)) {
    for (first, last) in runs {
        let (from, to) = (first / WORD, last / WORD);
        for word in from..=to {
            let low = if word == from { u64::MAX << (first % WORD) } else { u64::MAX };
            let high = if word == to { u64::MAX >> (WORD - 1 - last % WORD) } else { u64::MAX };
            f(word as usize, low & high);
        }
    }
}

/// Sets the bits of runs.
fn fill(words: &mut Vec<u64>, runs: &[(u32, u32)]) {
    let reach = runs.last().map_or(0, |(_, last)| (*last / WORD) as usize + 1);
    if words.len() < reach {
        words.resize(reach, 0);
    }
    for_each_word(runs, |at, mask| {
        if let Some(word) = words.get_mut(at) {
            *word |= mask;
        }
    });
}

/// The canonical form of sorted runs that are not side by side.
fn of_runs(runs: Vec<(u32, u32)>) -> Members {
    let words = runs.last().map_or(0, |(_, last)| (*last / WORD) as usize + 1);
    if runs.len() <= words {
        return Members(Form::Runs(runs.into()));
    }
    let mut bits = Vec::new();
    fill(&mut bits, &runs);
    Members(Form::Bits(bits.into()))
}

/// The canonical form of bits.
fn of_words(mut words: Vec<u64>) -> Members {
    while words.last() == Some(&0) {
        words.pop();
    }
    let mut count = 0;
    let mut carry = 0;
    for word in &words {
        count += (word & !(word << 1 | carry)).count_ones() as usize;
        carry = word >> (WORD - 1);
    }
    if count > words.len() {
        return Members(Form::Bits(words.into()));
    }
    let mut runs: Vec<(u32, u32)> = Vec::with_capacity(count);
    for (at, word) in (0_u32..).zip(&words) {
        let mut rest = *word;
        while rest != 0 {
            let first = rest.trailing_zeros();
            let length = (rest >> first).trailing_ones();
            let base = at * WORD;
            push(&mut runs, base + first, base + first + length - 1);
            rest = if first + length >= WORD { 0 } else { rest & u64::MAX << (first + length) };
        }
    }
    Members(Form::Runs(runs.into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Indices around the word boundaries; their subsets take both forms.
    const INDICES: [u32; 10] = [0, 1, 2, 4, 6, 62, 63, 64, 66, 130];

    fn set(bits: u32) -> Members {
        INDICES.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, i)| *i).collect()
    }

    #[test]
    fn laws_hold_of_every_pair_of_subsets() {
        let mut forms = BTreeSet::new();
        for a in 0..1 << INDICES.len() {
            let one = set(a);
            forms.insert(matches!(one.0, Form::Bits(_)));
            assert_eq!(one.len(), a.count_ones() as usize);
            assert_eq!(one.iter().collect::<Members>(), one);
            for b in 0..1 << INDICES.len() {
                let two = set(b);
                assert_eq!(one.union(&two), set(a | b));
                assert_eq!(Members::union_all([&one, &two]), set(a | b));
                assert_eq!(one.intersection(&two), set(a & b));
                assert_eq!(one.difference(&two), set(a & !b));
                assert_eq!(one.intersects(&two), a & b != 0);
                assert_eq!(one.is_subset(&two), a & !b == 0);
                assert_eq!(one == two, a == b);
            }
        }
        assert_eq!(forms.len(), 2, "both forms were met");
    }

    fn members() -> impl Strategy<Value = BTreeSet<u32>> {
        let scattered = prop::collection::btree_set(0_u32..400, 0..200);
        let runs = prop::collection::vec((0_u32..400, 0_u32..90), 0..6).prop_map(|runs| {
            runs.into_iter().flat_map(|(first, length)| first..=first + length).collect()
        });
        prop_oneof![scattered, runs]
    }

    proptest! {
        #[test]
        fn as_ordered_sets(a in members(), b in members(), index in 0_u32..500) {
            let (one, two): (Members, Members) = (a.iter().copied().collect(), b.iter().copied().collect());
            let of = |set: BTreeSet<u32>| set.into_iter().collect::<Members>();
            prop_assert_eq!(one.iter().collect::<BTreeSet<u32>>(), a.clone());
            prop_assert_eq!(one.union(&two), of(&a | &b));
            prop_assert_eq!(one.intersection(&two), of(&a & &b));
            prop_assert_eq!(one.difference(&two), of(&a - &b));
            prop_assert_eq!(one.intersects(&two), !a.is_disjoint(&b));
            prop_assert_eq!(one.contains(index), a.contains(&index));
            prop_assert_eq!(one.first(), a.first().copied());
            prop_assert!(one.with(index).contains(index));
            prop_assert!(!one.without(index).contains(index));
            prop_assert_eq!(one.with(index).without(index), of(&a - &BTreeSet::from([index])));
        }
    }
}
