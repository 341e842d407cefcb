//! For how many objects one stands that was met in a sample.
//!
//! Each element that was taken as a sample begins a branch, in which every object stands for as many as there are elements for each
//! that was taken. An object that is met in two branches is shared by elements: it stands only for as many as where both begin.

/// The number of a branch.
pub(super) type Branch = u32;

/// What is there once.
pub(super) const ROOT: Branch = 0;

/// The most that one object stands for, so that no product overflows.
const MOST: f64 = 1e15;

struct Grown {
    parent: Branch,
    depth: u32,
    scale: f64,
}

pub(super) struct Branches(Vec<Grown>);

impl Branches {
    pub(super) fn new() -> Self {
        Self(vec![Grown { parent: ROOT, depth: 0, scale: 1.0 }])
    }

    /// Begins a branch for one of a sample, each of which stands for so many.
    pub(super) fn grow(&mut self, parent: Branch, each: f64) -> Branch {
        let Grown { depth, scale, .. } = self.0[parent as usize];
        self.0.push(Grown { parent, depth: depth + 1, scale: (scale * each).min(MOST) });
        (self.0.len() - 1) as Branch
    }

    /// For how many an object stands that was met there.
    pub(super) fn scale(&self, branch: Branch) -> f64 {
        self.0[branch as usize].scale
    }

    /// Where both begin.
    pub(super) fn common(&self, mut left: Branch, mut right: Branch) -> Branch {
        while left != right {
            let (one, other) = (&self.0[left as usize], &self.0[right as usize]);
            if one.depth >= other.depth {
                left = one.parent;
            } else {
                right = other.parent;
            }
        }
        left
    }
}
