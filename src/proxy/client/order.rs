//! Which connections wait, in the order in which they began to: entering, leaving and the oldest each take the same few steps, however many there are.

/// A doubly linked list in a vector, because references in a circle are not for us. Most of the time its members are not in line.
pub(super) struct Order<T> {
    places: Vec<Place<T>>,
    free: Vec<usize>,
    first: Option<usize>,
    last: Option<usize>,
}

/// A member, until it is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member(usize);

struct Place<T> {
    /// None: free.
    value: Option<T>,
    in_line: bool,
    before: Option<usize>,
    after: Option<usize>,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            first: None,
            last: None,
        }
    }
}

impl<T> Order<T> {
    /// A new member, not in line.
    pub(super) fn add(&mut self, value: T) -> Member {
        let place = Place {
            value: Some(value),
            in_line: false,
            before: None,
            after: None,
        };
        match self.free.pop() {
            Some(index) => {
                if let Some(free) = self.places.get_mut(index) {
                    *free = place;
                }
                Member(index)
            }
            None => {
                self.places.push(place);
                Member(self.places.len() - 1)
            }
        }
    }

    /// Takes a member out for good.
    pub(super) fn remove(&mut self, member: Member) {
        self.leave(member);
        if let Some(place) = self.places.get_mut(member.0)
            && place.value.take().is_some()
        {
            self.free.push(member.0);
        }
    }

    pub(super) fn value_mut(&mut self, member: Member) -> Option<&mut T> {
        self.places.get_mut(member.0)?.value.as_mut()
    }

    /// Goes to the end of the line; who is in line stays where it is.
    pub(super) fn enter(&mut self, member: Member) {
        let last = self.last;
        match self.places.get_mut(member.0) {
            Some(place) if place.value.is_some() && !place.in_line => {
                place.in_line = true;
                place.before = last;
                place.after = None;
            }
            _ => return,
        }
        match last.and_then(|last| self.places.get_mut(last)) {
            Some(last) => last.after = Some(member.0),
            None => self.first = Some(member.0),
        }
        self.last = Some(member.0);
    }

    /// Leaves the line.
    pub(super) fn leave(&mut self, member: Member) {
        let (before, after) = match self.places.get_mut(member.0) {
            Some(place) if place.in_line => {
                place.in_line = false;
                (place.before.take(), place.after.take())
            }
            _ => return,
        };
        match before.and_then(|before| self.places.get_mut(before)) {
            Some(place) => place.after = after,
            None => self.first = after,
        }
        match after.and_then(|after| self.places.get_mut(after)) {
            Some(place) => place.before = before,
            None => self.last = before,
        }
    }

    /// Who has been in line longest.
    pub(super) fn oldest(&self) -> Option<(Member, &T)> {
        let first = self.first?;
        let value = self.places.get(first)?.value.as_ref()?;
        Some((Member(first), value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Add,
        Enter(usize),
        Leave(usize),
        Remove(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => Just(Step::Add),
            4 => (0..40_usize).prop_map(Step::Enter),
            2 => (0..40_usize).prop_map(Step::Leave),
            1 => (0..40_usize).prop_map(Step::Remove),
        ]
    }

    proptest! {
        #[test]
        fn the_oldest_is_that_of_a_plain_queue(steps in prop::collection::vec(step(), 0..400)) {
            let mut order = Order::default();
            let (mut members, mut queue) = (Vec::new(), Vec::new());
            for (number, step) in steps.into_iter().enumerate() {
                let at = |index: usize| (index < members.len()).then_some(index);
                match step {
                    Step::Add => members.push((order.add(number), number)),
                    Step::Enter(index) => if let Some(index) = at(index) {
                        let (member, value) = members[index];
                        order.enter(member);
                        if !queue.contains(&value) {
                            queue.push(value);
                        }
                    },
                    Step::Leave(index) => if let Some(index) = at(index) {
                        let (member, value) = members[index];
                        order.leave(member);
                        queue.retain(|other| *other != value);
                    },
                    Step::Remove(index) => if let Some(index) = at(index) {
                        let (member, value) = members.swap_remove(index);
                        order.remove(member);
                        queue.retain(|other| *other != value);
                    },
                }
                prop_assert_eq!(order.oldest().map(|(_, value)| *value), queue.first().copied());
                prop_assert!(order.places.len() - order.free.len() == members.len());
            }
            for expected in queue {
                let (member, value) = order.oldest().unwrap();
                prop_assert_eq!(*value, expected);
                order.remove(member);
            }
            prop_assert!(order.oldest().is_none());
        }
    }
}
