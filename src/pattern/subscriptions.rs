//! Who wants what: the prefixes that a publisher's peers subscribed to, and whom a topic concerns.
//!
//! ```text
//! root ""──────────── 7          peer 7 wants everything
//!  ├─ "news." ─────── 3
//!  │    ├─ "sport" ── 1 4        "news.sport"
//!  │    └─ "tech" ─── 1          "news.tech"
//!  └─ "weather" ───── 2
//! ```
//!
//! A radix tree: every edge carries as many bytes as it can, so a node that nobody subscribed to has two children or
//! more. A match walks from the root along the topic; each step eats at least one byte of it, so its cost is bounded
//! by the topic, whatever peers subscribe to.
//!
//! Peers choose the shape of this tree. So nothing here recurses, not even dropping it: the nodes lie in one vector
//! and name each other by position. A node with subscribers keeps its position as others are split and merged around
//! it (the *upper* part of a split is the new node, and the upper part of a merge is the one that goes); so a peer's
//! subscriptions are a set of positions, and all of them go in time proportional to their number when the peer goes.
//!
//! A peer that subscribes to one prefix twice holds it once. Peers are known by their *slots*: small numbers, used
//! again when a peer has gone.

use std::collections::BTreeSet;

/// The subscriptions of all peers of a publisher.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    /// `nodes[0]` is the root. A node with an empty label is the root, or free.
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    /// What each slot holds.
    slots: Vec<Held>,
    /// How many (prefix, slot) pairs there are.
    len: usize,
    /// How many prefixes there are.
    topics: usize,
}

/// A position in `Subscriptions::nodes`.
type NodeId = u32;

const ROOT: NodeId = 0;

#[derive(Debug, Default)]
struct Node {
    /// The bytes between the parent's prefix and this one's.
    label: Box<[u8]>,
    /// By the first byte of their label, sorted by it.
    kids: Vec<(u8, NodeId)>,
    /// The slots that hold exactly this prefix, sorted.
    subscribers: Vec<u32>,
    /// Nothing for the root.
    parent: NodeId,
}

/// What one peer is subscribed to.
#[derive(Debug, Default)]
struct Held {
    nodes: BTreeSet<NodeId>,
    /// The bytes of their prefixes.
    bytes: usize,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            free: Vec::new(),
            slots: Vec::new(),
            len: 0,
            topics: 0,
        }
    }
}

impl Subscriptions {
    /// How many subscriptions there are, of all peers together.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many subscriptions this peer holds, and how many bytes their prefixes have.
    pub(crate) fn held_by(&self, slot: u32) -> (usize, usize) {
        self.slots
            .get(slot as usize)
            .map_or((0, 0), |held| (held.nodes.len(), held.bytes))
    }

    /// Subscribes; `false` if the peer held this prefix before.
    pub(crate) fn subscribe(&mut self, slot: u32, prefix: &[u8]) -> bool {
        let id = self.node_for(prefix);
        let subscribers = &mut self.node_mut(id).subscribers;
        let Err(place) = subscribers.binary_search(&slot) else {
            return false;
        };
        let is_new = subscribers.is_empty();
        subscribers.insert(place, slot);
        self.topics += usize::from(is_new);
        if self.slots.len() <= slot as usize {
            self.slots.resize_with(slot as usize + 1, Held::default);
        }
        let held = &mut self.slots[slot as usize];
        held.nodes.insert(id);
        held.bytes += prefix.len();
        self.len += 1;
        true
    }

    /// Ends a subscription; `false` if there was none to this prefix.
    pub(crate) fn cancel(&mut self, slot: u32, prefix: &[u8]) -> bool {
        let Some(id) = self.find(prefix) else { return false };
        if !self.remove_subscriber(id, slot) {
            return false;
        }
        if let Some(held) = self.slots.get_mut(slot as usize) {
            held.nodes.remove(&id);
            held.bytes -= prefix.len();
        }
        self.compact_if_sparse();
        true
    }

    /// Ends all subscriptions of a peer.
    pub(crate) fn remove_all(&mut self, slot: u32) {
        let Some(held) = self.slots.get_mut(slot as usize) else {
            return;
        };
        for id in std::mem::take(held).nodes {
            // The others of this set stay where they are: they still have this subscriber.
            self.remove_subscriber(id, slot);
        }
        self.compact_if_sparse();
    }

    /// The slots that hold exactly this prefix.
    pub(crate) fn holders(&self, prefix: &[u8]) -> &[u32] {
        match self.find(prefix) {
            Some(id) => &self.node(id).subscribers,
            None => &[],
        }
    }

    /// How many different prefixes there are.
    pub(crate) fn topics(&self) -> usize {
        self.topics
    }

    /// Ends all subscriptions of a peer, and says of every prefix whether nobody holds it now.
    pub(crate) fn cancel_all(&mut self, slot: u32, mut each: impl FnMut(&[u8], bool)) {
        let Some(held) = self.slots.get_mut(slot as usize) else {
            return;
        };
        for id in std::mem::take(held).nodes {
            let prefix = self.prefix_of(id);
            let is_last = self.node(id).subscribers.len() == 1;
            self.remove_subscriber(id, slot);
            each(&prefix, is_last);
        }
        self.compact_if_sparse();
    }

    /// Calls `visit` with the slots that hold a prefix of `topic`, once for every such prefix.
    #[inline]
    pub(crate) fn for_each_match(&self, topic: &[u8], mut visit: impl FnMut(&[u32])) {
        let (mut node, mut rest) = (self.node(ROOT), topic);
        loop {
            if !node.subscribers.is_empty() {
                visit(&node.subscribers);
            }
            let Some(&first) = rest.first() else { return };
            let Some(kid) = node.kid(first) else { return };
            node = self.node(kid);
            // The first byte has led here. Behind it labels of one byte, as digits make them, need no look at all.
            let Some((label, behind)) = rest.split_at_checked(node.label.len()) else {
                return;
            };
            if label.len() > 1 && label[1..] != node.label[1..] {
                return;
            }
            rest = behind;
        }
    }

    /// How many peers hold a prefix of `topic`.
    pub(crate) fn count_matching(&self, topic: &[u8]) -> usize {
        let mut slots = Vec::new();
        self.for_each_match(topic, |holders| slots.extend_from_slice(holders));
        slots.sort_unstable();
        slots.dedup();
        slots.len()
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    /// What a node stands for: its label behind those of all above.
    fn prefix_of(&self, mut id: NodeId) -> Vec<u8> {
        let mut labels = Vec::new();
        while id != ROOT {
            let node = self.node(id);
            labels.push(&*node.label);
            id = node.parent;
        }
        labels.reverse();
        labels.concat()
    }

    /// The node of exactly this prefix.
    fn find(&self, prefix: &[u8]) -> Option<NodeId> {
        let (mut id, mut rest) = (ROOT, prefix);
        while let Some(&first) = rest.first() {
            id = self.node(id).kid(first)?;
            rest = rest.strip_prefix(&*self.node(id).label)?;
        }
        Some(id)
    }

    /// The node of exactly this prefix, made if there is none.
    fn node_for(&mut self, prefix: &[u8]) -> NodeId {
        let (mut id, mut rest) = (ROOT, prefix);
        while let Some(&first) = rest.first() {
            let place = match self.node(id).place_of(first) {
                Ok(place) => place,
                Err(place) => {
                    let leaf = self.add(Node {
                        label: rest.into(),
                        parent: id,
                        ..Node::default()
                    });
                    self.node_mut(id).kids.insert(place, (first, leaf));
                    return leaf;
                }
            };
            let kid = self.node(id).kids[place].1;
            let common = common_prefix(&self.node(kid).label, rest);
            id = if common == self.node(kid).label.len() {
                kid
            } else {
                self.split(id, place, common)
            };
            rest = &rest[common..];
        }
        id
    }

    /// Puts a node between `id` and its kid at `place`, which takes the first `at` bytes of the kid's label.
    fn split(&mut self, id: NodeId, place: usize, at: usize) -> NodeId {
        let kid = self.node(id).kids[place].1;
        let label = std::mem::take(&mut self.node_mut(kid).label);
        let (above, below) = label.split_at(at);
        let upper = self.add(Node {
            label: above.into(),
            kids: vec![(below[0], kid)],
            subscribers: Vec::new(),
            parent: id,
        });
        self.node_mut(kid).label = below.into();
        self.node_mut(kid).parent = upper;
        self.node_mut(id).kids[place].1 = upper;
        upper
    }

    /// Takes `slot` out of a node's subscribers, and the node out of the tree if nothing needs it any longer.
    fn remove_subscriber(&mut self, id: NodeId, slot: u32) -> bool {
        let node = self.node_mut(id);
        let Ok(place) = node.subscribers.binary_search(&slot) else {
            return false;
        };
        node.subscribers.remove(place);
        shrink(&mut node.subscribers);
        let (parent, is_last) = (node.parent, node.subscribers.is_empty());
        self.len -= 1;
        self.topics -= usize::from(is_last);
        if self.remove_if_idle(id) {
            // It was a leaf; what holds its parent together may have gone with it. Nothing above that changes.
            self.remove_if_idle(parent);
        }
        true
    }

    /// Removes a node without subscribers that is a leaf, or has a single kid, which then takes its place. Returns
    /// whether the parent has lost a kid.
    fn remove_if_idle(&mut self, id: NodeId) -> bool {
        let node = self.node(id);
        if id == ROOT || !node.subscribers.is_empty() {
            return false;
        }
        match node.kids[..] {
            [] => {
                let node = self.release(id);
                let parent = self.node_mut(node.parent);
                if let Ok(place) = parent.place_of(node.label[0]) {
                    parent.kids.remove(place);
                    shrink(&mut parent.kids);
                }
                true
            }
            [(_, kid)] => {
                let node = self.release(id);
                let lower = self.node_mut(kid);
                lower.label = [&*node.label, &*lower.label].concat().into();
                lower.parent = node.parent;
                let parent = self.node_mut(node.parent);
                if let Ok(place) = parent.place_of(node.label[0]) {
                    parent.kids[place].1 = kid;
                }
                false
            }
            _ => false,
        }
    }

    fn add(&mut self, node: Node) -> NodeId {
        match self.free.pop() {
            Some(id) => {
                *self.node_mut(id) = node;
                id
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as NodeId
            }
        }
    }

    /// Gives a position back, with what was there.
    fn release(&mut self, id: NodeId) -> Node {
        self.free.push(id);
        std::mem::take(self.node_mut(id))
    }

    /// Moves the nodes together when too many positions are free: memory follows what peers hold now, not what they
    /// held once. So many must be free that the work of this is a constant for each node that went.
    fn compact_if_sparse(&mut self) {
        let live = self.nodes.len() - self.free.len();
        if self.free.len() <= 64 + live + self.len / 4 {
            return;
        }
        // In order, so that the sets of positions stay sorted.
        let mut moved = vec![ROOT; self.nodes.len()];
        let (mut old, mut new) = (0, 0);
        self.nodes.retain(|node| {
            let keep = old == 0 || !node.label.is_empty();
            moved[old] = new;
            old += 1;
            new += NodeId::from(keep);
            keep
        });
        for node in &mut self.nodes {
            node.parent = moved[node.parent as usize];
            for (_, kid) in &mut node.kids {
                *kid = moved[*kid as usize];
            }
        }
        for held in &mut self.slots {
            held.nodes = held.nodes.iter().map(|&id| moved[id as usize]).collect();
        }
        self.nodes.shrink_to_fit();
        self.free = Vec::new();
    }
}

impl Node {
    /// The kid whose label begins with `first`.
    #[inline]
    fn kid(&self, first: u8) -> Option<NodeId> {
        /// Up to here looking at one after the other is faster than halving: 22 against 48 ns for a match among
        /// 1 000 subscriptions, where most nodes have ten kids, for digits.
        const FEW: usize = 16;
        let place = if self.kids.len() <= FEW {
            self.kids.iter().position(|&(byte, _)| byte == first)?
        } else {
            self.place_of(first).ok()?
        };
        Some(self.kids[place].1)
    }

    /// Where the kid is whose label begins with `first`, or where it would be.
    fn place_of(&self, first: u8) -> Result<usize, usize> {
        self.kids.binary_search_by_key(&first, |&(byte, _)| byte)
    }
}

/// Gives memory back when three quarters of it are not used.
fn shrink<T>(list: &mut Vec<T>) {
    if list.len() <= list.capacity() / 4 {
        list.shrink_to(list.len() * 2);
    }
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
#[path = "subscriptions/tests.rs"] // The bench includes this file from elsewhere.
mod tests;
