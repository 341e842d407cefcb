//! How much is left of the stack of a thread, for who goes down it as far as others say.

use std::cell::Cell;
use std::hint::black_box;

/// Bytes that are left free beneath a refused call, so that an error can be made and handled there; of a small stack a quarter.
const MARGIN: usize = 128 << 10;
const MARGIN_PART: usize = 4;

/// A lowest address from which no other is less than a margin away.
const UNKNOWN: usize = usize::MAX;

thread_local! {
    /// The lowest address of this thread's stack, and the margin above it; a margin of 0 while nobody has asked.
    static LIMIT: Cell<(usize, usize)> = const { Cell::new((UNKNOWN, 0)) };
}

/// Whether so little is left of this thread's stack that nothing more should be called. What runs on another stack than the thread's own
/// has enough, as far as anybody knows.
#[inline]
#[must_use]
pub fn is_used_up() -> bool {
    let mark = 0_u8;
    let here = std::ptr::from_ref(black_box(&mark)) as usize;
    let (lowest, margin) = LIMIT.get();
    // An address outside of the stack is far from its end, also one beneath it.
    here.wrapping_sub(lowest) < margin || margin == 0 && is_used_up_at_first(here)
}

#[cold]
fn is_used_up_at_first(here: usize) -> bool {
    let limit = bounds().map_or((UNKNOWN, 1), |(lowest, size)| (lowest, MARGIN.min(size / MARGIN_PART)));
    LIMIT.set(limit);
    here.wrapping_sub(limit.0) < limit.1
}

/// The lowest address of this thread's stack that can be used, and its size.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn bounds() -> Option<(usize, usize)> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut lowest, mut size, mut guard) = (std::ptr::null_mut(), 0, 0);
    // SAFETY: the attributes are filled before they are read, and destroyed after that; the rest are places to write to.
    let is_known = unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let is_known = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut size) == 0
            && libc::pthread_attr_getguardsize(attributes.as_ptr(), &raw mut guard) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        is_known
    };
    is_known.then(|| (lowest as usize + guard, size.saturating_sub(guard)))
}

/// As above.
#[cfg(target_os = "macos")]
fn bounds() -> Option<(usize, usize)> {
    // SAFETY: the thread is this one.
    let (highest, size) = unsafe {
        (libc::pthread_get_stackaddr_np(libc::pthread_self()), libc::pthread_get_stacksize_np(libc::pthread_self()))
    };
    Some((highest as usize - size, size))
}

/// As above.
#[cfg(windows)]
fn bounds() -> Option<(usize, usize)> {
    unsafe extern "system" {
        fn GetCurrentThreadStackLimits(lowest: *mut usize, highest: *mut usize);
    }
    let (mut lowest, mut highest) = (0, 0);
    // SAFETY: both are places to write to.
    unsafe { GetCurrentThreadStackLimits(&raw mut lowest, &raw mut highest) };
    Some((lowest, highest - lowest))
}

/// Nobody tells.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", windows)))]
fn bounds() -> Option<(usize, usize)> {
    None
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use std::thread;

    use super::*;

    /// Goes down until it is refused; where that was.
    fn descend() -> usize {
        let room = black_box([0_u8; 1024]);
        let here = std::ptr::from_ref(&room) as usize;
        let reached = if is_used_up() { here } else { descend() };
        black_box(&room);
        reached
    }

    #[test]
    fn a_thread_is_refused_before_the_end_of_its_stack() {
        for size in [256 << 10, 512 << 10, 1 << 20, 8 << 20] {
            let run = || {
                let (lowest, size) = bounds().unwrap();
                (descend() - lowest, MARGIN.min(size / MARGIN_PART))
            };
            let (left, margin) = thread::Builder::new().stack_size(size).spawn(run).unwrap().join().unwrap();
            assert!(left <= margin + 4096 && left + 16_384 > margin, "{left} bytes were left of {size}");
        }
    }

    #[test]
    fn another_stack_than_the_threads_own_is_not_refused() {
        thread::spawn(|| {
            assert!(!is_used_up());
            let (lowest, margin) = LIMIT.get();
            let is_refused = |here: usize| here.wrapping_sub(lowest) < margin;
            assert!(is_refused(lowest) && is_refused(lowest + margin - 1));
            assert!(!is_refused(lowest + margin) && !is_refused(lowest - 1) && !is_refused(lowest - (1 << 20)));
            assert!(!is_refused(lowest + (1 << 30)));
        })
        .join()
        .unwrap();
    }
}
