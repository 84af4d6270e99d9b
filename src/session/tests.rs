use super::*;

#[test]
fn a_session_is_small() {
    assert!(size_of::<Session>() < 300, "{} bytes", size_of::<Session>());
}
