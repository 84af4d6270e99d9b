//! What a model checker replaces: the lock, the atomics and the reference count that the traffic wing is built on.
//!
//! `pipe` uses nothing but these, so the unpublished member `tests/models` can include its files unchanged over
//! loom's twins of the same names.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, MutexGuard};

/// A lock over plain data. A panic elsewhere does not poison it: every critical section here leaves its data
/// whole, and one broken task must not take its neighbours with it.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
