//! Tags of a shard's entries: who carries which, and when each was invalidated.
//!
//! Invalidating a tag moves the shard's epoch, notes it in the tag, and appends the whole list of the tag's carriers to that of the
//! invalidated: the same work for one entry as for a million. An entry remembers at which epoch it was last found valid. While the epoch
//! has not moved since, no tag has; else its tags are looked at. The invalidated are taken out later, in bounded steps and before others.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::clock::Tick;
use crate::policy::{NONE, Slot};
use crate::stats::Cause;

/// Counts the invalidations of a shard.
pub(crate) type Epoch = u64;

type TagId = u32;
pub(crate) type MemberId = u32;

/// The end of the circular list of the members of invalidated entries.
const INVALIDATED: MemberId = 0;

/// An entry among the carriers of a tag; or the end of such a list.
#[derive(Clone, Copy, Debug)]
struct Member {
    slot: Slot,
    tag: TagId,
    prev: MemberId,
    next: MemberId,
    /// The same entry among the carriers of its next tag.
    sibling: MemberId,
}

#[derive(Debug)]
struct Tag {
    name: Arc<str>,
    /// The epoch at which it was last invalidated, and not just expired; 0 if it never was.
    invalidated: Epoch,
    /// At which epochs and when it was expired, oldest first.
    expired: Vec<(Epoch, Tick)>,
    /// How many entries carry it, invalidated ones included.
    carriers: u32,
    /// The end of the circular list of those that are not invalidated.
    head: MemberId,
}

/// So many times at which a tag was expired are told apart. Of more, some entries are taken to be stale for longer than they are.
const EXPIRIES: usize = 8;

impl Tag {
    fn expire(&mut self, epoch: Epoch, now: Tick) {
        if self.expired.len() == EXPIRIES {
            let (_, at) = self.expired.remove(1);
            self.expired[1].1 = at;
        }
        self.expired.push((epoch, now));
    }
}

/// What a tag has done to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagVerdict {
    /// It is invalidated.
    Invalidated(Cause),
    /// It is stale since then, and may be served for its grace.
    Expired(Tick),
}

#[derive(Debug)]
pub(crate) struct Tags {
    ids: HashMap<Arc<str>, TagId>,
    tags: Vec<Option<Tag>>,
    /// By tag: the epoch at which it was last invalidated or expired, 0 if it never was.
    changed: Vec<Epoch>,
    vacant_tags: Vec<TagId>,
    members: Vec<Member>,
    vacant_member: MemberId,
    /// Tags that nobody carries and that are only kept for loads that began before their invalidation, oldest first.
    unused: VecDeque<(Epoch, TagId)>,
}

impl Tags {
    pub(crate) fn new() -> Self {
        let end = Member { slot: NONE, tag: 0, prev: INVALIDATED, next: INVALIDATED, sibling: NONE };
        Self {
            ids: HashMap::new(),
            tags: Vec::new(),
            changed: Vec::new(),
            vacant_tags: Vec::new(),
            members: vec![end],
            vacant_member: NONE,
            unused: VecDeque::new(),
        }
    }

    /// Gives an entry these tags; where its first one is noted.
    pub(crate) fn attach(&mut self, slot: Slot, names: &[Arc<str>]) -> MemberId {
        let mut first = NONE;
        for name in names {
            let tag = self.id(name);
            let Some(Tag { head, carriers, .. }) = &mut self.tags[tag as usize] else { continue };
            *carriers += 1;
            let head = *head;
            let member = self.add_member(Member { slot, tag, prev: NONE, next: NONE, sibling: first });
            self.link_before(head, member);
            first = member;
        }
        first
    }

    /// Takes the tags of an entry away.
    pub(crate) fn detach(&mut self, first: MemberId) {
        let mut member = first;
        while member != NONE {
            let Member { tag, prev, next, sibling, .. } = self.members[member as usize];
            self.members[prev as usize].next = next;
            self.members[next as usize].prev = prev;
            self.members[member as usize].next = self.vacant_member;
            self.vacant_member = member;
            self.release(tag);
            member = sibling;
        }
    }

    /// What its tags have done to an entry that was valid at this epoch, if anything.
    pub(crate) fn tag_verdict(&self, first: MemberId, valid_at: Epoch) -> Option<TagVerdict> {
        let mut tag_verdict = None;
        for tag in self.invalidating(first, valid_at) {
            if tag.invalidated > valid_at {
                return Some(TagVerdict::Invalidated(Cause::Invalidated));
            }
            let at = tag.expired.iter().find(|(epoch, _)| *epoch > valid_at).map_or(0, |&(_, at)| at);
            let earlier = if let Some(TagVerdict::Expired(other)) = tag_verdict { at.min(other) } else { at };
            tag_verdict = Some(TagVerdict::Expired(earlier));
        }
        tag_verdict
    }

    /// The name of the tag that has done so.
    pub(crate) fn invalidated_by(&self, first: MemberId, valid_at: Epoch) -> Option<Arc<str>> {
        self.invalidating(first, valid_at).max_by_key(|tag| tag.invalidated > valid_at).map(|tag| tag.name.clone())
    }

    fn invalidating(&self, first: MemberId, valid_at: Epoch) -> impl Iterator<Item = &Tag> {
        let tags = self.siblings(first).map(|member| member.tag as usize);
        tags.filter(move |&tag| self.changed[tag] > valid_at).filter_map(|tag| self.tags[tag].as_ref())
    }

    /// Takes an entry from among the invalidated.
    pub(crate) fn readmit(&mut self, first: MemberId) {
        let mut member = first;
        while member != NONE {
            let Member { tag, prev, next, sibling, .. } = self.members[member as usize];
            self.members[prev as usize].next = next;
            self.members[next as usize].prev = prev;
            if let Some(Tag { head, .. }) = self.tags[tag as usize] {
                self.link_before(head, member);
            }
            member = sibling;
        }
    }

    /// Lets so much time pass.
    pub(crate) fn advance_by(&mut self, by: Tick) {
        let times = self.tags.iter_mut().flatten().flat_map(|tag| &mut tag.expired);
        times.for_each(|(_, at)| *at = at.saturating_sub(by));
    }

    /// Whether no tag has invalidated an entry that was valid at this epoch.
    #[inline]
    pub(crate) fn spare(&self, first: MemberId, valid_at: Epoch) -> bool {
        self.siblings(first).all(|member| self.changed[member.tag as usize] <= valid_at)
    }

    /// The names of an entry's tags.
    pub(crate) fn names(&self, first: MemberId) -> Vec<Arc<str>> {
        let tags = self.siblings(first).filter_map(|member| self.tags[member.tag as usize].as_ref());
        let mut names: Vec<Arc<str>> = tags.map(|tag| tag.name.clone()).collect();
        names.reverse();
        names
    }

    /// Whether one of these tags was invalidated since this epoch.
    pub(crate) fn invalidated_since(&self, names: &[Arc<str>], since: Epoch) -> bool {
        let tags = names.iter().filter_map(|name| self.ids.get(name));
        tags.into_iter().any(|&tag| self.changed[tag as usize] > since)
    }

    /// Invalidates a tag at this epoch, or expires it. One that nobody carries is noted if a load may be in progress that will.
    pub(crate) fn invalidate(&mut self, name: &Arc<str>, epoch: Epoch, cause: Cause, loads: bool, now: Tick) {
        if !loads && !self.ids.contains_key(name) {
            return;
        }
        let id = self.id(name);
        let Some(tag) = &mut self.tags[id as usize] else { return };
        if cause == Cause::Expired {
            tag.expire(epoch, now)
        } else {
            tag.invalidated = epoch
        }
        self.changed[id as usize] = epoch;
        let (head, carriers) = (tag.head, tag.carriers);
        self.append_to_invalidated(head);
        if carriers == 0 {
            self.unused.push_back((epoch, id));
        }
    }

    /// An entry that a tag has invalidated.
    pub(crate) fn next_invalidated(&self) -> Option<Slot> {
        let first = self.members[INVALIDATED as usize].next;
        (first != INVALIDATED).then(|| self.members[first as usize].slot)
    }

    /// Forgets tags that nobody carries, as far as no load began before their invalidation: the oldest began at this epoch.
    pub(crate) fn reclaim(&mut self, oldest: Epoch) {
        while let Some(&(changed, id)) = self.unused.front()
            && changed <= oldest
        {
            self.unused.pop_front();
            if self.tags[id as usize].as_ref().is_some_and(|tag| tag.carriers == 0)
                && self.changed[id as usize] == changed
            {
                self.forget(id);
            }
        }
    }

    fn forget(&mut self, id: TagId) {
        if let Some(tag) = self.tags[id as usize].take() {
            self.ids.remove(&tag.name);
            self.members[tag.head as usize].next = self.vacant_member;
            self.vacant_member = tag.head;
            self.vacant_tags.push(id);
        }
    }

    fn id(&mut self, name: &Arc<str>) -> TagId {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id = self.vacant_tags.pop().unwrap_or(self.tags.len() as TagId);
        let head = self.add_member(Member { slot: NONE, tag: id, prev: NONE, next: NONE, sibling: NONE });
        (self.members[head as usize].prev, self.members[head as usize].next) = (head, head);
        let tag = Some(Tag { name: name.clone(), invalidated: 0, expired: Vec::new(), carriers: 0, head });
        match self.tags.get_mut(id as usize) {
            Some(vacant) => (*vacant, self.changed[id as usize]) = (tag, 0),
            None => {
                self.tags.push(tag);
                self.changed.push(0);
            }
        }
        self.ids.insert(name.clone(), id);
        id
    }

    /// Whether an entry carries this tag, or did so lately.
    pub(crate) fn knows(&self, name: &Arc<str>) -> bool {
        self.ids.contains_key(name)
    }

    /// One entry fewer carries a tag.
    fn release(&mut self, id: TagId) {
        let Some(tag) = &mut self.tags[id as usize] else { return };
        tag.carriers -= 1;
        match (tag.carriers, self.changed[id as usize]) {
            (0, 0) => self.forget(id),
            (0, changed) => self.unused.push_back((changed, id)),
            _ => {}
        }
    }

    fn siblings(&self, first: MemberId) -> impl Iterator<Item = Member> {
        let member = |id: MemberId| (id != NONE).then(|| self.members[id as usize]);
        std::iter::successors(member(first), move |last| member(last.sibling))
    }

    fn add_member(&mut self, member: Member) -> MemberId {
        let id = self.vacant_member;
        if id == NONE {
            self.members.push(member);
            return self.members.len() as MemberId - 1;
        }
        self.vacant_member = self.members[id as usize].next;
        self.members[id as usize] = member;
        id
    }

    fn link_before(&mut self, next: MemberId, member: MemberId) {
        let prev = self.members[next as usize].prev;
        (self.members[member as usize].prev, self.members[member as usize].next) = (prev, next);
        self.members[prev as usize].next = member;
        self.members[next as usize].prev = member;
    }

    fn append_to_invalidated(&mut self, head: MemberId) {
        let Member { prev: last, next: first, .. } = self.members[head as usize];
        if first == head {
            return;
        }
        (self.members[head as usize].prev, self.members[head as usize].next) = (head, head);
        let before = self.members[INVALIDATED as usize].prev;
        self.members[before as usize].next = first;
        self.members[first as usize].prev = before;
        self.members[last as usize].next = INVALIDATED;
        self.members[INVALIDATED as usize].prev = last;
    }
}

#[cfg(any(test, feature = "validate"))]
impl Tags {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Panics unless everything agrees. `carried` are the entries with tags: slot, first member, and the epoch at which they were valid.
    pub(crate) fn validate(&self, carried: &[(Slot, MemberId, Epoch)]) {
        let mut count = vec![0; self.tags.len()];
        for &(slot, first, _) in carried {
            assert_ne!(first, NONE, "slot {slot} has no tags");
            for member in self.siblings(first) {
                assert_eq!(member.slot, slot, "a member of another entry");
                count[member.tag as usize] += 1;
            }
        }
        let mut listed: Vec<Slot> = self.list(INVALIDATED).map(|member| member.slot).collect();
        for &slot in &listed {
            let held = carried.iter().find(|(held, _, _)| *held == slot);
            let is_invalidated = held.is_some_and(|&(_, first, valid_at)| self.tag_verdict(first, valid_at).is_some());
            assert!(is_invalidated, "slot {slot} is among the invalidated and valid");
        }
        for (id, tag) in self.tags.iter().enumerate() {
            let Some(tag) = tag else { continue };
            assert_eq!(self.ids.get(&tag.name), Some(&(id as TagId)), "the id of {}", tag.name);
            assert_eq!(tag.carriers, count[id], "carriers of {}", tag.name);
            assert!(self.list(tag.head).all(|member| member.tag == id as TagId), "a list of {}", tag.name);
            listed.extend(self.list(tag.head).map(|member| member.slot));
            let unused =
                self.unused.iter().any(|&(changed, unused)| unused == id as TagId && changed == self.changed[id]);
            assert!(tag.carriers > 0 || unused, "{} is kept for nothing", tag.name);
        }
        assert_eq!(listed.len() as u64, count.iter().map(|&carriers: &u32| u64::from(carriers)).sum(), "members");
        assert_eq!(self.ids.len(), self.tags.iter().flatten().count(), "ids");
    }

    fn list(&self, end: MemberId) -> impl Iterator<Item = Member> {
        let member = move |id: MemberId| (id != end).then(|| self.members[id as usize]);
        let first = self.members[end as usize].next;
        let mut before = end;
        let mut at = first;
        std::iter::from_fn(move || {
            let here = member(at)?;
            assert_eq!(here.prev, before, "links of members");
            before = at;
            at = here.next;
            Some(here)
        })
    }
}
