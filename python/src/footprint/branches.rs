//! For how many objects one stands that was met in a sample.
//!
//! Each element that was taken as a sample begins a branch, in which every object stands for as many as there are elements for each
//! that was taken. So does every object that is looked into, for itself. An object that is met in two branches is shared by them: it
//! stands only for as many as where both begin, and all that was met beneath it moves there with it.

/// The number of a branch; it is above that of the branch that it grew from.
pub(super) type Branch = u32;

/// What is there once.
pub(super) const ROOT: Branch = 0;

/// The most that one object stands for, so that no product overflows.
const MOST: f64 = 1e15;

struct Grown {
    parent: Branch,
    each: f64,
}

/// All branches but the root.
#[derive(Default)]
pub(super) struct Branches(Vec<Grown>);

impl Branches {
    /// Begins a branch for one of a sample, each of which stands for so many.
    pub(super) fn grow(&mut self, parent: Branch, each: f64) -> Branch {
        self.0.push(Grown { parent, each });
        self.0.len() as Branch
    }

    /// Has a branch begin nearer to the root.
    pub(super) fn transplant(&mut self, branch: Branch, parent: Branch) {
        self.0[branch as usize - 1].parent = parent;
    }

    /// Where both begin.
    pub(super) fn common(&self, mut left: Branch, mut right: Branch) -> Branch {
        while left != right {
            let later = if left > right { &mut left } else { &mut right };
            *later = self.0[*later as usize - 1].parent;
        }
        left
    }

    /// How many samples were taken of elements of samples, one within the other, at most.
    pub(super) fn depth(&self) -> u32 {
        let mut depths = vec![0];
        for grown in &self.0 {
            depths.push(depths[grown.parent as usize] + u32::from(grown.each > 1.0));
        }
        depths.into_iter().max().unwrap_or_default()
    }

    /// For how many an object stands, by branch.
    pub(super) fn scales(&self) -> Vec<f64> {
        let mut scales = Vec::with_capacity(1 + self.0.len());
        scales.push(1.0);
        for grown in &self.0 {
            scales.push((scales[grown.parent as usize] * grown.each).min(MOST));
        }
        scales
    }
}
