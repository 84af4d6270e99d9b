//! Looking at sockets with `poll` leaves them as they were.

use std::time::Duration;

use hubless::blocking::{PollItem, Pull, Push, poll};

use crate::{LIMIT, Outcome};

#[test]
fn looking_for_room_uses_up_nobodys_turn() -> Outcome {
    let push = Push::new();
    let pulls = [Pull::new(), Pull::new()];
    for pull in &pulls {
        push.connect(&pull.bind("tcp://127.0.0.1:0")?)?.wait()?;
    }
    for _ in 0..10 {
        assert_eq!(poll(&mut [PollItem::writable(&push)], LIMIT)?, 1);
        push.try_send("one each")?;
    }
    for pull in &pulls {
        for _ in 0..5 {
            assert_eq!(pull.recv_timeout(LIMIT)?, "one each");
        }
    }
    Ok(())
}

#[test]
fn there_is_room_however_often_one_looks_without_waiting() -> Outcome {
    // More than a sender may send before it lets others run: who only looks has nobody to let run.
    const MANY: usize = 3_000;
    let push = Push::builder().send_hwm(2 * MANY).build()?;
    let push = Push::from(push);
    push.connect("tcp://127.0.0.1:1")?;
    for _ in 0..MANY {
        assert_eq!(poll(&mut [PollItem::writable(&push)], Duration::ZERO)?, 1);
        push.try_send("and so on")?;
    }
    Ok(())
}
