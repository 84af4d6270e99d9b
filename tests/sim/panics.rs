//! Panics that happen inside tasks: the runtime catches them, and here they are heard of.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

thread_local! {
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static LISTENING: RefCell<bool> = const { RefCell::new(false) };
}

/// From here on panics of this thread are kept rather than printed.
pub(crate) fn forget() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if LISTENING.with_borrow(|listening| *listening) {
                HEARD.with_borrow_mut(|heard| heard.push(format!("panic: {info}")));
            } else {
                before(info);
            }
        }));
    });
    LISTENING.set(true);
    HEARD.take();
}

/// What was heard since.
pub(crate) fn take() -> Vec<String> {
    LISTENING.set(false);
    HEARD.take()
}
